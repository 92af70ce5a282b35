// SPDX-License-Identifier: Apache-2.0
// evidence/bundle.h - an evidence bundle: all records of a chain from number 0 on, and quotes that cover them, in one
// file that can be judged later without the host. The writer; evidence/bundle_reader.h reads it.
//
// A bundle is one CBOR map of 11 members with numbers as keys, ascending, all of them always there:
//   1 format  2 version  3 host  4 made  5 chain  6 byte order  7 EK certificate  8 quotes  9 count  10 records
//   11 checksum
// docs/formats/bundle.md has the map in CDDL. The records are one zstd frame in chunks, as in evidence.
//
// Nobody signs a bundle. Its quotes are signed, and they cover the records. All else is what the host said: its name,
// the time, the chain's number, the number of records that a quote is said to cover, and the keys.
//
// Threads: the header is a value; one thread at a time uses a writer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "evidence/enrolment.h"
#include "imalog/record.h"
#include "imalog/replay.h"

namespace imakeep::evidence {

inline constexpr std::uint64_t kBundleVersion = 1;
inline constexpr std::string_view kBundleFormat = "imakeep evidence bundle";
inline constexpr std::size_t kMostBundleQuotes = 4096;

// The first bytes of every bundle, of any version.
Bytes bundle_prefix();

struct BundleQuote {
  std::uint64_t records = 0;                // the records before this one are said to be proven by it
  std::uint64_t added_unix_s = 0;           // when the keeper was told of it
  Bytes statement = {};                     // TPMS_ATTEST
  Bytes signature = {};                     // TPMT_SIGNATURE
  Bytes ak_public = {};                     // of the key that signed: TPM2B_PUBLIC or TPMT_PUBLIC
  std::vector<imalog::PcrValue> pcrs = {};  // of quoted PCRs that no record names; banks are bank_of()

  friend bool operator==(const BundleQuote&, const BundleQuote&) = default;
};

// Everything but the records.
struct BundleHeader {
  std::string host = {};
  std::uint64_t made_unix_s = 0;
  std::uint64_t chain = 0;                    // its number in the host's archive
  ByteOrder byte_order = ByteOrder::kLittle;  // of the numbers within the records' data
  Bytes ek_certificate = {};                  // DER; empty: the host had none
  std::vector<BundleQuote> quotes = {};       // in the order in which the keeper was told of them
  std::uint64_t count = 0;                    // of the records; the first one has number 0

  friend bool operator==(const BundleHeader&, const BundleHeader&) = default;
};

// kMalformed, naming the quote: a name of another form, a quote, signature, key, certificate or PCR value of an
// impossible size, too many quotes, numbers of more than 63 bits, or a quote of more records than there are.
Result<void> check_bundle_header(const BundleHeader& header);

// Writes a bundle piece by piece, in constant memory.
class BundleWriter {
 public:
  // Gets the bytes in order. The view is valid during the call only.
  using Sink = std::function<Result<void>(ByteView)>;

  // Hands everything before the records to the sink. kUsage if check_bundle_header() refuses the header; the sink's
  // errors.
  static Result<BundleWriter> begin(const BundleHeader& header, Sink sink);
  BundleWriter(BundleWriter&&) noexcept;
  BundleWriter& operator=(BundleWriter&&) noexcept;
  ~BundleWriter();

  // kUsage if the header counts fewer records, or imalog::acceptable() refuses the record; the sink's errors. After an
  // error of the sink, the writer is of no use.
  Result<void> add(const imalog::RecordContentView& content);
  // Ends the bundle. kUsage if the header counts more records; the sink's errors.
  Result<void> finish();

 private:
  class Writing;
  explicit BundleWriter(std::unique_ptr<Writing> writing);

  std::unique_ptr<Writing> writing_;
};

}  // namespace imakeep::evidence
