// SPDX-License-Identifier: Apache-2.0
#include "listfs/list_directory.h"

namespace imakeep::listfs {

using imalog::Form;
using mlist::ListKind;

ListDirectory list_directory(const mlist::MeasurementList& list) {
  ListDirectory directory;
  const auto add = [&](Node node, ListNode shows) {
    directory.nodes.push_back(std::move(node));
    directory.shows.push_back(shows);
  };
  for (const ListKind kind : {ListKind::kCurrent, ListKind::kStaged}) {
    const std::string staged = kind == ListKind::kStaged ? "_staged" : "";
    for (const Form form : {Form::kAscii, Form::kBinary}) {
      const std::string stem = std::string(form == Form::kAscii ? "ascii" : "binary") + "_runtime_measurements";
      for (std::size_t bank = 0; bank < list.shown_banks().size(); ++bank) {
        add({.name = stem + "_" + list.shown_banks()[bank].name() + staged, .permissions = 0660},
            {.kind = ListNodeKind::kList, .list = kind, .form = form, .bank = bank});
      }
      add({.name = stem + staged, .permissions = 0777, .link_target = stem + "_sha1" + staged},
          {.kind = ListNodeKind::kLink});
    }
  }
  add({.name = "runtime_measurements_count", .permissions = 0440}, {.kind = ListNodeKind::kCount});
  add({.name = "violations", .permissions = 0440}, {.kind = ListNodeKind::kViolations});
  return directory;
}

}  // namespace imakeep::listfs
