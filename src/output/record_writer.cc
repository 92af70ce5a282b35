// SPDX-License-Identifier: Apache-2.0
#include "output/record_writer.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "imalog/ascii.h"
#include "imalog/cel.h"
#include "output/ecs_writer.h"

namespace imakeep::output {
namespace {

class BinaryWriter : public RecordWriter {
 public:
  BinaryWriter(const digest::Bank& bank, ByteOrder order) : bank_(bank), order_(order) {}

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    encoded_.clear();
    imalog::encode_record(encoded_, numbered.record.content, archive::shown_digest(bank_, numbered.record).view(),
                          order_);
    out += as_text(encoded_);
    return {};
  }

 private:
  const digest::Bank bank_;
  const ByteOrder order_;
  Bytes encoded_;
};

class AsciiWriter : public RecordWriter {
 public:
  AsciiWriter(const digest::Bank& bank, ByteOrder order, const imalog::TemplateSet& templates)
      : bank_(bank), order_(order), templates_(templates) {}

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    return imalog::append_ascii(out, numbered.record.content, archive::shown_digest(bank_, numbered.record).view(),
                                order_, templates_);
  }

 private:
  const digest::Bank bank_;
  const ByteOrder order_;
  const imalog::TemplateSet templates_;
};

class EscapingWriter : public RecordWriter {
 public:
  explicit EscapingWriter(std::unique_ptr<RecordWriter> writer) : writer_(std::move(writer)) {}

  Result<void> enter(archive::Archive& archive, const archive::Chain& chain, const DamageCall& on_damage) override {
    return writer_->enter(archive, chain, on_damage);
  }
  bool has_end() const override { return writer_->has_end(); }
  bool counts_from_first() const override { return writer_->counts_from_first(); }
  void pass(const archive::NumberedRecord& numbered) override { writer_->pass(numbered); }

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    line_.clear();
    auto shown = writer_->append(line_, numbered);
    std::string_view text = line_;
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!line_.empty()) out += printable(text) + "\n";
    return shown;
  }

 private:
  const std::unique_ptr<RecordWriter> writer_;
  std::string line_;
};

// Prints one line of JSON per record. Paths may contain any byte, so `data` holds the exact bytes; `fields` is for
// people and jq.
class JsonWriter : public RecordWriter {
 public:
  JsonWriter(const digest::Bank& bank, ByteOrder order, const imalog::TemplateSet& templates)
      : bank_(bank), order_(order), templates_(templates) {}

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    const imalog::RecordContentView& content = numbered.record.content;
    nlohmann::ordered_json line{{"number", numbered.number},
                                {"pcr", content.pcr},
                                {"bank", bank_.name()},
                                {"template_digest", to_hex(archive::shown_digest(bank_, numbered.record).view())},
                                {"template", std::string(content.template_name)},
                                {"violation", content.violation},
                                {"digest_matches", !numbered.record.own}};
    line["fields"] = fields(content);
    line["data"] = to_hex(content.body);
    out += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out += '\n';
    return {};
  }

 private:
  // An array, because a free format may name a field twice; null if the data does not split into fields.
  nlohmann::ordered_json fields(const imalog::RecordContentView& content) const {
    const auto known = templates_.find(content.template_name);
    if (!known) return nullptr;
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    imalog::FieldReader reader(*known, content.template_name, content.body, order_);
    for (;;) {
      const auto field = reader.next();
      if (!field) return nullptr;
      if (!*field) return all;
      std::string text;
      if (!imalog::append_field(text, **field, order_)) text = to_hex((*field)->bytes);
      all.push_back({{"field", templates_.field_name(content.template_name, all.size())}, {"value", text}});
    }
  }

  const digest::Bank bank_;
  const ByteOrder order_;
  const imalog::TemplateSet templates_;
};

// Common part of TCG's three encodings: it numbers the records of each PCR, counted from the first kept record.
class CelWriter : public RecordWriter {
 public:
  explicit CelWriter(const std::vector<digest::Bank>& banks) : banks_(banks) {}

  bool counts_from_first() const override { return true; }
  void pass(const archive::NumberedRecord& numbered) override { numbering_.next(numbered.record.content.pcr); }

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    const imalog::RecordContentView& content = numbered.record.content;
    digests_.clear();
    for (const digest::Bank& bank : banks_) {
      digests_.push_back({.bank = bank, .digest = archive::extended_digest(bank, numbered.record)});
    }
    encode(out, numbering_.next(content.pcr), content);
    ++records_;
    return {};
  }

 protected:
  virtual void encode(std::string& out, std::uint64_t recnum, const imalog::RecordContentView& content) = 0;

  std::vector<imalog::CelDigest> digests_;  // of the record being encoded
  std::uint64_t records_ = 0;

 private:
  const std::vector<digest::Bank> banks_;
  imalog::CelNumbering numbering_;
};

class CelTlvWriter : public CelWriter {
  using CelWriter::CelWriter;
  void encode(std::string& out, std::uint64_t recnum, const imalog::RecordContentView& content) override {
    Bytes bytes;
    imalog::append_cel_tlv(bytes, recnum, content, digests_);
    out += as_text(bytes);
  }
};

class CelJsonWriter : public CelWriter {
  using CelWriter::CelWriter;
  bool has_end() const override { return true; }
  void begin(std::string& out) override { out += imalog::kCelJsonBegin; }
  void encode(std::string& out, std::uint64_t recnum, const imalog::RecordContentView& content) override {
    if (records_ > 0) out += imalog::kCelJsonBetween;
    imalog::append_cel_json(out, recnum, content, digests_);
  }
  void end(std::string& out) override { out += imalog::kCelJsonEnd; }
};

// The CBOR array states its number of records before the first one, so the writer holds all records until the end.
class CelCborWriter : public CelWriter {
  using CelWriter::CelWriter;
  bool has_end() const override { return true; }
  void encode(std::string&, std::uint64_t recnum, const imalog::RecordContentView& content) override {
    imalog::append_cel_cbor(held_, recnum, content, digests_);
  }
  void end(std::string& out) override {
    Bytes head;
    imalog::append_cel_cbor_begin(head, records_);
    out += as_text(head);
    out += as_text(held_);
  }

  Bytes held_;
};

}  // namespace

const std::vector<std::string>& record_formats() {
  static const std::vector<std::string> kFormats{"binary", "ascii", "json", "ecs", "cel-json", "cel-cbor", "cel-tlv"};
  return kFormats;
}

std::unique_ptr<RecordWriter> make_record_writer(const std::string& format, const digest::Bank& bank,
                                                 const std::vector<digest::Bank>& banks, ByteOrder order,
                                                 const imalog::TemplateSet& templates) {
  if (format == "binary") return std::make_unique<BinaryWriter>(bank, order);
  if (format == "cel-tlv") return std::make_unique<CelTlvWriter>(banks);
  if (format == "cel-json") return std::make_unique<CelJsonWriter>(banks);
  if (format == "cel-cbor") return std::make_unique<CelCborWriter>(banks);
  if (format == "json") return std::make_unique<JsonWriter>(bank, order, templates);
  if (format == "ecs") return make_ecs_writer(bank, templates);
  return std::make_unique<AsciiWriter>(bank, order, templates);
}

std::unique_ptr<RecordWriter> escape_for_terminal(std::unique_ptr<RecordWriter> writer) {
  return std::make_unique<EscapingWriter>(std::move(writer));
}

}  // namespace imakeep::output
