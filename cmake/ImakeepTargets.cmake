# SPDX-License-Identifier: Apache-2.0
# Helpers that give every target of the tree the same warnings, sanitizers and include root.

add_library(imakeep_options INTERFACE)
target_include_directories(imakeep_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(imakeep_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough -Werror
  # Designated initializers that leave members at their defaults are how options are given here.
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # False alarms of GCC 12 in std::string's operator+ (GCC bug 105329).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # GCC looks for memory to free once this much is in use (KiB), not after a few MB: an eighth of its time is saved.
  $<$<CXX_COMPILER_ID:GNU>:SHELL:--param ggc-min-heapsize=524288>)
# GCC's flow-based warnings give false alarms in inlined library code once sanitizers add their own branches.
if(IMAKEEP_SANITIZE)
  target_compile_options(imakeep_options INTERFACE
    -fsanitize=${IMAKEEP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(imakeep_options INTERFACE -fsanitize=${IMAKEEP_SANITIZE})
endif()

# Where headers that are not ours are compiled once for all targets, ours do not make them compile again when they change.
# All targets must then have the same options.
if(IMAKEEP_PRECOMPILE)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "")
  add_library(imakeep_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(imakeep_precompiled PRIVATE imakeep_options)
  target_precompile_headers(imakeep_precompiled PRIVATE
    <algorithm> <array> <charconv> <chrono> <condition_variable> <cstring> <deque> <filesystem> <fstream> <functional>
    <iostream> <limits> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view> <thread>
    <unordered_map> <variant> <vector> <tl/expected.hpp> <nlohmann/json.hpp>)
endif()

# imakeep_unity(TARGET [BATCH]): compiles the target's sources together, at most BATCH files at once (default: all), so
# that the headers they share are parsed once. Names in anonymous namespaces must then differ within a target.
# docs/decisions/build-time.md has what this saves.
function(imakeep_unity target)
  if(IMAKEEP_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM imakeep_precompiled)
  endif()
  set(batch 0)
  if(ARGC GREATER 1)
    set(batch ${ARGV1})
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${IMAKEEP_UNITY} UNITY_BUILD_BATCH_SIZE ${batch})
endfunction()

# imakeep_cold(TARGET): none of its code runs once per record, so it is compiled with -Og, which takes a third less time
# than -O2, and with -O0 under sanitizers.
function(imakeep_cold target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-Og> $<$<CONFIG:RelWithDebInfo>:-O0>)
endfunction()

# imakeep_library(NAME [COLD] [TEST_ONLY] [BATCH n] [SOURCES ...] [DEPENDS ...] [TESTS ... [TEST_DEPENDS ...] [TEST_LABELS ...]])
# A layer or an adapter of src/. COLD: imakeep_cold(). TEST_ONLY: no program links it, so it is built only where a test, a
# benchmark or a fuzzer does. TESTS name the *_test.cc files next to the sources; they become one executable.
function(imakeep_library name)
  cmake_parse_arguments(ARG "COLD;TEST_ONLY" "BATCH" "SOURCES;DEPENDS;TESTS;TEST_DEPENDS;TEST_LABELS" ${ARGN})
  add_library(imakeep_${name} STATIC ${ARG_SOURCES})
  imakeep_unity(imakeep_${name} ${ARG_BATCH})
  target_link_libraries(imakeep_${name} PUBLIC $<BUILD_INTERFACE:imakeep_options> ${ARG_DEPENDS})
  if(ARG_COLD)
    imakeep_cold(imakeep_${name})
  endif()
  if(ARG_TEST_ONLY)
    set_target_properties(imakeep_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  if(IMAKEEP_TESTS AND ARG_TESTS)
    imakeep_test(${name}_test SOURCES ${ARG_TESTS} DEPENDS imakeep_${name} ${ARG_TEST_DEPENDS}
      LABELS ${ARG_TEST_LABELS})
  endif()
endfunction()

# imakeep_test(NAME [OPTIMIZED] [TOGETHER] SOURCES ... DEPENDS ... [LABELS ...] [TIMEOUT seconds])
# OPTIMIZED: its own code runs so often that the optimizing pays under sanitizers too.
# TOGETHER: its tests are one test of ctest, since they share a server that takes long to start.
# Those labelled `concurrency` are run under ThreadSanitizer too; target concurrency_tests builds them.
add_custom_target(concurrency_tests)
function(imakeep_test name)
  cmake_parse_arguments(ARG "OPTIMIZED;TOGETHER" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  imakeep_unity(${name})
  target_link_libraries(${name} PRIVATE imakeep_options ${ARG_DEPENDS} GTest::gmock_main)
  # Under sanitizers most of the build is the optimizing of test bodies, which nobody waits for.
  if(IMAKEEP_SANITIZE AND NOT ARG_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_compile_definitions(${name} PRIVATE IMAKEEP_TESTDATA="${CMAKE_SOURCE_DIR}/testdata")
  if("concurrency" IN_LIST ARG_LABELS)
    add_dependencies(concurrency_tests ${name})
  endif()
  if(ARG_TOGETHER)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
