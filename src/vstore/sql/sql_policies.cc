// SPDX-License-Identifier: Apache-2.0
// Policies, keys and tokens.
#include "vstore/checks.h"
#include "vstore/refusals.h"
#include "vstore/sql/attempt.h"
#include "vstore/sql/columns.h"
#include "vstore/sql/sql_store.h"

namespace imakeep::vstore {
namespace {

TokenRow take_row_of_token(Row& row) {
  Columns columns(row);
  TokenRow token;
  token.hash = columns.bytes();
  token.tenant = columns.text();
  token.role = columns.kind<Role>();
  token.name = columns.text();
  if (!columns.null()) token.until_unix_s = columns.number();
  if (!columns.null()) token.uses_left = columns.count();
  return token;
}

std::vector<Bytes> take_digests(std::vector<Row>& rows) {
  std::vector<Bytes> digests;
  digests.reserve(rows.size());
  for (Row& row : rows) digests.push_back(Columns(row).bytes());
  return digests;
}

constexpr const char* kEntries = "SELECT digest FROM policy_entry WHERE tenant_id = $1 AND list = $2 ORDER BY position";

// The first digest that is not among `known`.
const Bytes* first_unknown(std::span<const Bytes> digests, std::vector<Row>& known) {
  const std::vector<Bytes> found = take_digests(known);
  for (const Bytes& digest : digests) {
    if (std::find(found.begin(), found.end(), digest) == found.end()) return &digest;
  }
  return nullptr;
}

}  // namespace

// ---- policies -------------------------------------------------------------------------------------------------------

Result<void> SqlStore::put_policy(ByteView digest, ByteView text, std::int64_t now_unix_s) {
  IMAKEEP_CHECK(check_policy(digest, text));
  IMAKEEP_CHECK(check_time("the time at which the policy was made", now_unix_s));
  IMAKEEP_CHECK(
      write(statement("INSERT INTO policy (digest, created_unix_s, content) VALUES ($1, $2, $3) "
                      "ON CONFLICT DO NOTHING",
                      "bib", digest, now_unix_s, text)));
  return {};
}

Result<std::optional<Bytes>> SqlStore::policy_text(ByteView digest) {
  IMAKEEP_TRY(auto rows, read(statement("SELECT content FROM policy WHERE digest = $1", "b", digest)));
  if (rows.empty()) return std::nullopt;
  return Columns(rows[0]).bytes();
}

Result<std::vector<PolicyRow>> SqlStore::policies() {
  IMAKEEP_TRY(auto rows,
              read(statement("SELECT digest, length(content), created_unix_s FROM policy ORDER BY digest", "")));
  std::vector<PolicyRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    PolicyRow& policy = result.emplace_back();
    policy.digest = columns.bytes();
    policy.text_bytes = columns.count();
    policy.created_unix_s = columns.number();
  }
  return result;
}

// The lock on the policy makes set_policy_list() wait, or waits for it. The next statement sees what it did.
Result<void> SqlStore::remove_policy(ByteView digest) {
  IMAKEEP_CHECK(check_hash("the policy's digest", digest));
  std::vector<Statement> look;
  look.push_back(statement("SELECT created_unix_s FROM policy WHERE digest = $1 [FOR UPDATE|]", "b", digest));
  look.push_back(statement("SELECT tenant_id, list FROM policy_entry WHERE digest = $1 LIMIT 1", "b", digest));
  const Statement remove = statement("DELETE FROM policy WHERE digest = $1", "b", digest);
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(auto replies, session.run(look));
    if (replies[0].rows.empty()) return give_up(no_policy(digest));
    if (!replies[1].rows.empty()) {
      Columns columns(replies[1].rows[0]);
      const std::string tenant = columns.text();
      return give_up(policy_is_assigned(digest, tenant, columns.text()));
    }
    IMAKEEP_VSTORE_CHECK(session.run(std::span(&remove, 1), Finish::kCommit));
    return {};
  });
}

Result<std::uint64_t> SqlStore::set_policy_list(const std::string& tenant, const std::string& list,
                                                std::span<const Bytes> digests) {
  IMAKEEP_CHECK(check_name("the tenant's name", tenant));
  IMAKEEP_CHECK(check_name("the policy list's name", list));
  IMAKEEP_CHECK(check_policies(digests));
  std::vector<Statement> look;
  // Makes the list if it is not there, and locks it.
  look.push_back(
      statement("INSERT INTO policy_list (tenant_id, list, version) "
                "SELECT t.tenant_id, $2, 0 FROM tenant t WHERE t.tenant_id = $1 "
                "ON CONFLICT (tenant_id, list) DO UPDATE SET version = policy_list.version RETURNING version",
                "tt", tenant, list));
  look.push_back(statement(kEntries, "tt", tenant, list));
  Statement known = batch(
      "SELECT p.digest FROM {of_digest} JOIN policy p ON p.digest = r.of_digest [ORDER BY p.digest FOR SHARE OF p|]",
      "b");
  Statement entries =
      batch("INSERT INTO policy_entry (tenant_id, list, position, digest) SELECT c1, c2, c3, c4 FROM {c1, c2, c3, c4}",
            "ttib");
  for (std::uint64_t position = 0; position < digests.size(); ++position) {
    add_arguments(known, digests[position]);
    add_arguments(entries, tenant, list, position, digests[position]);
  }
  look.push_back(std::move(known));
  std::vector<Statement> change;
  change.push_back(statement("DELETE FROM policy_entry WHERE tenant_id = $1 AND list = $2", "tt", tenant, list));
  change.push_back(std::move(entries));
  change.push_back(
      statement("UPDATE policy_list SET version = version + 1 WHERE tenant_id = $1 AND list = $2", "tt", tenant, list));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<std::uint64_t> {
    IMAKEEP_VSTORE_TRY(auto replies, session.run(look));
    if (replies[0].rows.empty()) return give_up(no_tenant(tenant));
    if (const Bytes* const missing = first_unknown(digests, replies[2].rows)) return give_up(no_policy(*missing));
    const std::uint64_t version = Columns(replies[0].rows[0]).count();
    const std::vector<Bytes> before = take_digests(replies[1].rows);
    const bool is_same = version > 0 && std::equal(before.begin(), before.end(), digests.begin(), digests.end());
    IMAKEEP_VSTORE_CHECK(session.run(is_same ? std::span<const Statement>() : change, Finish::kCommit));
    return is_same ? version : version + 1;
  });
}

Result<std::optional<PolicyListRow>> SqlStore::policy_list(const std::string& tenant, const std::string& list) {
  // One statement, so that version and content are of the same moment.
  IMAKEEP_TRY(auto rows, read(statement("SELECT l.version, e.digest FROM policy_list l LEFT JOIN policy_entry e "
                                        "ON e.tenant_id = l.tenant_id AND e.list = l.list "
                                        "WHERE l.tenant_id = $1 AND l.list = $2 ORDER BY e.position",
                                        "tt", tenant, list)));
  if (rows.empty()) return std::nullopt;
  PolicyListRow result;
  for (Row& row : rows) {
    Columns columns(row);
    result.version = columns.count();
    if (!columns.null()) result.policies.push_back(columns.bytes());
  }
  return result;
}

// ---- keys -----------------------------------------------------------------------------------------------------------

Result<void> SqlStore::add_key(const KeyRow& row) {
  IMAKEEP_CHECK(check(row));
  IMAKEEP_TRY(
      const std::uint64_t added,
      write(statement("INSERT INTO verifier_key (kind, id, bytes, created_unix_s, retires_unix_s) "
                      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                      "iibii", row.kind, std::uint64_t{row.id}, row.bytes, row.created_unix_s, row.retires_unix_s)));
  if (added == 0) return key_exists(row.kind, row.id);
  return {};
}

Result<std::vector<KeyRow>> SqlStore::keys() {
  IMAKEEP_TRY(auto rows,
              read(statement(
                  "SELECT kind, id, bytes, created_unix_s, retires_unix_s FROM verifier_key ORDER BY kind, id", "")));
  std::vector<KeyRow> result;
  for (Row& row : rows) {
    Columns columns(row);
    KeyRow& key = result.emplace_back();
    key.kind = columns.kind<KeyKind>();
    key.id = static_cast<std::uint32_t>(columns.count());
    key.bytes = columns.bytes();
    key.created_unix_s = columns.number();
    if (!columns.null()) key.retires_unix_s = columns.number();
  }
  return result;
}

Result<void> SqlStore::retire_key(KeyKind kind, std::uint32_t id, std::int64_t at_unix_s) {
  IMAKEEP_CHECK(check_time("the time at which a key retires", at_unix_s));
  IMAKEEP_TRY(const std::uint64_t changed,
              write(statement("UPDATE verifier_key SET retires_unix_s = $3 WHERE kind = $1 AND id = $2", "iii", kind,
                              std::uint64_t{id}, at_unix_s)));
  if (changed == 0) return no_key(kind, id);
  return {};
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

Result<void> SqlStore::add_token(const TokenRow& row) {
  IMAKEEP_CHECK(check(row));
  std::vector<Statement> statements;
  statements.push_back(statement("SELECT disabled FROM tenant WHERE tenant_id = $1", "t", row.tenant));
  statements.push_back(
      statement("INSERT INTO token (hash, tenant_id, role, name, until_unix_s, uses_left) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                "btitii", row.hash, row.tenant, row.role, row.name, row.until_unix_s, row.uses_left));
  return attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<void> {
    IMAKEEP_VSTORE_TRY(const auto& replies, session.run(statements));
    if (replies[0].rows.empty()) return give_up(no_tenant(row.tenant));
    if (replies[1].changed == 0) return give_up(token_exists());
    IMAKEEP_VSTORE_CHECK(session.run({}, Finish::kCommit));
    return {};
  });
}

Result<std::optional<TokenRow>> SqlStore::token(ByteView hash, std::int64_t now_unix_s) {
  IMAKEEP_TRY(auto found,
              read(statement("SELECT k.hash, k.tenant_id, k.role, k.name, k.until_unix_s, k.uses_left FROM token k "
                             "JOIN tenant t ON t.tenant_id = k.tenant_id WHERE k.hash = $1 AND t.disabled = 0 "
                             "AND (k.until_unix_s IS NULL OR k.until_unix_s > $2) "
                             "AND (k.uses_left IS NULL OR k.uses_left > 0)",
                             "bi", hash, now_unix_s)));
  if (found.empty()) return std::nullopt;
  return take_row_of_token(found[0]);
}

Result<std::optional<TokenRow>> SqlStore::take_token(ByteView hash, std::int64_t now_unix_s) {
  IMAKEEP_TRY(auto known, token(hash, now_unix_s));
  if (!known || !known->uses_left) return known;
  const Statement use = statement(
      "UPDATE token SET uses_left = uses_left - 1 WHERE hash = $1 AND uses_left > 0 RETURNING uses_left", "b", hash);
  IMAKEEP_TRY(auto left, attempt(Work::kWrites, [&](Session& session, bool) -> Outcome<std::vector<Row>> {
                IMAKEEP_VSTORE_TRY(auto replies, session.run(std::span(&use, 1), Finish::kCommit));
                return std::move(replies[0].rows);
              }));
  if (left.empty()) return std::nullopt;
  known->uses_left = Columns(left[0]).count();
  return known;
}

Result<void> SqlStore::return_token(ByteView hash) {
  IMAKEEP_CHECK(write(statement("UPDATE token SET uses_left = uses_left + 1 WHERE hash = $1", "b", hash)));
  return {};
}

Result<std::vector<TokenRow>> SqlStore::tokens(const std::string& tenant) {
  IMAKEEP_TRY(auto rows, read(statement("SELECT hash, tenant_id, role, name, until_unix_s, uses_left FROM token "
                                        "WHERE tenant_id = $1 ORDER BY hash",
                                        "t", tenant)));
  std::vector<TokenRow> result;
  result.reserve(rows.size());
  for (Row& row : rows) result.push_back(take_row_of_token(row));
  return result;
}

Result<void> SqlStore::remove_token(const std::string& tenant, ByteView hash) {
  IMAKEEP_TRY(const std::uint64_t changed,
              write(statement("DELETE FROM token WHERE tenant_id = $1 AND hash = $2", "tb", tenant, hash)));
  if (changed == 0) return no_token(tenant);
  return {};
}

}  // namespace imakeep::vstore
