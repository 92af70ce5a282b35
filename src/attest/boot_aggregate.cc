// SPDX-License-Identifier: Apache-2.0
#include "attest/boot_aggregate.h"

namespace imakeep::attest {
namespace {

// "sha256:" NUL digest, or "ima:sha256:" NUL digest.
std::optional<BootAggregate> named_digest(ByteView field) {
  const std::string_view text = as_text(field);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos || end == 0 || text[end - 1] != ':') return std::nullopt;
  const std::string_view prefix = text.substr(0, end - 1);
  const auto colon = prefix.rfind(':');
  const auto algorithm =
      digest::algorithm_from_name(colon == std::string_view::npos ? prefix : prefix.substr(colon + 1));
  if (!algorithm) return std::nullopt;
  return BootAggregate{.algorithm = *algorithm, .digest = digest::Digest(field.subspan(end + 1))};
}

// Every form of the aggregate covers at least this many PCRs, from PCR 0 on.
constexpr std::uint32_t kFewestPcrs = 8;

const imalog::PcrValue* value_of(std::span<const imalog::PcrValue> values, digest::Algorithm algorithm,
                                 std::uint32_t pcr) {
  for (const imalog::PcrValue& value : values) {
    if (value.bank.algorithm == algorithm && value.pcr == pcr) return &value;
  }
  return nullptr;
}

}  // namespace

std::optional<BootAggregate> boot_aggregate_of(const imalog::RecordContentView& content, ByteOrder order) {
  const auto fields = imalog::Template::find(content.template_name);
  if (!fields || !imalog::is_boot_aggregate(content, order)) return std::nullopt;
  imalog::FieldReader reader(*fields, content.template_name, content.body, order);
  for (;;) {
    const auto field = reader.next();
    if (!field || !*field) return std::nullopt;
    const imalog::FieldView& view = **field;
    if (view.id == imalog::FieldId::kD) {
      // A digest of another size is md5's: zeros, from a kernel that measured without a TPM.
      if (view.bytes.size() != digest::digest_bytes(digest::Algorithm::kSha1)) return std::nullopt;
      return BootAggregate{.algorithm = digest::Algorithm::kSha1, .digest = digest::Digest(view.bytes)};
    }
    if (view.id == imalog::FieldId::kDNg || view.id == imalog::FieldId::kDNgV2) return named_digest(view.bytes);
  }
}

std::uint32_t aggregated_pcrs(digest::Algorithm algorithm) {
  return algorithm == digest::Algorithm::kSha1 ? 8 : 10;
}

std::optional<BootAggregateCheck> check_boot_aggregate(const BootAggregate& aggregate,
                                                       std::span<const imalog::PcrValue> values,
                                                       const imalog::PcrState& start, std::uint32_t extended_pcrs) {
  if (!digest::available(aggregate.algorithm)) return std::nullopt;
  const std::uint32_t most = aggregated_pcrs(aggregate.algorithm);
  BootAggregateCheck check{.algorithm = aggregate.algorithm};
  Bytes joined;
  for (std::uint32_t pcr = 0; pcr < most; ++pcr) {
    const imalog::PcrValue* const value = value_of(values, aggregate.algorithm, pcr);
    if (value == nullptr) return std::nullopt;
    const auto bank = start.index_of(value->bank);
    const bool extended = (extended_pcrs >> pcr & 1) != 0 && bank;
    append_bytes(joined, extended ? start.value(*bank, pcr).view() : value->value.view());
    check.pcrs = pcr + 1;
    if (check.pcrs != kFewestPcrs && check.pcrs != most) continue;
    check.matches = digest::hash(aggregate.algorithm, joined) == aggregate.digest;
    if (check.matches) return check;
  }
  return check;
}

}  // namespace imakeep::attest
