// SPDX-License-Identifier: Apache-2.0
#include "monitor/keep_events.h"

#include <syslog.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "keeper/diagnosis.h"

namespace imakeep::monitor {
namespace {

using keeper::Diagnosis;

constexpr std::array kEvents{
    KeepEvent{"keeping", "75dbe901879747b8bc2b0ad7cb8e1584", LOG_INFO},
    KeepEvent{"follows-only", "98af707eaf02468ebe6c1da989c251db", LOG_NOTICE},
    KeepEvent{"trimmed", "319b5d555be0462e8fc5da331c5a290b", LOG_INFO},
    KeepEvent{"idle", "9a1401ab29a64c0db3f6f9af3993dd42", LOG_INFO},
    KeepEvent{"busy", "9d8bd2a19a914ee69e12180bb4b72ae8", LOG_WARNING},
    KeepEvent{"free", "32c6a2df55954d9dac3bf3d4ecfac940", LOG_INFO},
    KeepEvent{"found", "022649cb06a24616a7ceaa8bfdb91134", LOG_ERR},
    KeepEvent{"follow", "64bc36d1a3214c41aaf8b0c6a9b4b841", LOG_WARNING},
    KeepEvent{"trim", "48960c8bcc88415c99f9738e7d74cca3", LOG_WARNING},
    KeepEvent{"count", "867442b7b2f04b8a9c11015776542813", LOG_WARNING},
    KeepEvent{"asked", "b8b6c9c4229d4674aca457994a0f347b", LOG_INFO},
    KeepEvent{"verifier", "e604fef4347a43f185656a86427b6a0f", LOG_NOTICE},
    KeepEvent{"pressure", "80fcda5c0f544e9c8c183e63c8917371", LOG_NOTICE},
    KeepEvent{"no-pressure", "95696e179af6407bb836a461fc07a8f4", LOG_NOTICE},
    KeepEvent{"metrics", "73f62d07b445455cb085120a8fdbb5a9", LOG_WARNING},
    KeepEvent{"view", "8656ea6b57e64d1b91a01c5d385d070b", LOG_ERR},
    KeepEvent{"view-hidden", "965b70418703481184d21495d94b018e", LOG_WARNING},
    KeepEvent{"mounts", "ee708d3265ae42479caf11aa081dead9", LOG_WARNING},
    KeepEvent{"held", "4b10649c6d3f478383603d558eb5ea2e", LOG_WARNING},
    KeepEvent{"hangs", "d1441625759a4fa28d2d6282f0770a58", LOG_ERR},
    KeepEvent{"ending", "c0a7e9b47bc1409596fec3a15c1d1f69", LOG_INFO},
};

}  // namespace

std::span<const KeepEvent> keep_events() {
  return kEvents;
}

const KeepEvent* keep_event(std::string_view name) {
  const auto* const event = std::ranges::find(kEvents, name, &KeepEvent::name);
  return event == kEvents.end() ? nullptr : event;
}

int priority_of(std::string_view event, const nlohmann::json& members) {
  const KeepEvent* const known = keep_event(event);
  if (known == nullptr) return LOG_INFO;
  const std::string diagnosis = members.value("diagnosis", "");
  const bool harmless = diagnosis == keeper::word(Diagnosis::kTrimmedByOther) ||
                        diagnosis == keeper::word(Diagnosis::kKexecDropped) ||
                        diagnosis == keeper::word(Diagnosis::kConcurrentChange);
  return harmless ? LOG_WARNING : known->priority;
}

}  // namespace imakeep::monitor
