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
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# GCC's flow-based warnings give false alarms in inlined library code once sanitizers add their own branches.
if(IMAKEEP_SANITIZE)
  target_compile_options(imakeep_options INTERFACE
    -fsanitize=${IMAKEEP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(imakeep_options INTERFACE -fsanitize=${IMAKEEP_SANITIZE})
endif()

# imakeep_library(NAME [SOURCES ...] [DEPENDS ...] [TESTS ... [TEST_DEPENDS ...] [TEST_LABELS ...]])
# A layer or an adapter of src/. TESTS name the *_test.cc files beside the sources; they become one executable.
function(imakeep_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;TESTS;TEST_DEPENDS;TEST_LABELS" ${ARGN})
  add_library(imakeep_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(imakeep_${name} PUBLIC imakeep_options ${ARG_DEPENDS})
  if(IMAKEEP_TESTS AND ARG_TESTS)
    imakeep_test(${name}_test SOURCES ${ARG_TESTS} DEPENDS imakeep_${name} ${ARG_TEST_DEPENDS}
      LABELS ${ARG_TEST_LABELS})
  endif()
endfunction()

# imakeep_test(NAME SOURCES ... DEPENDS ... [LABELS ...] [TIMEOUT seconds])
# Those labelled `concurrency` are run under ThreadSanitizer too; target concurrency_tests builds them.
add_custom_target(concurrency_tests)
function(imakeep_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE imakeep_options ${ARG_DEPENDS} GTest::gmock_main)
  # Under sanitizers most of the build is the optimizing of test bodies, which nobody waits for.
  if(IMAKEEP_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_compile_definitions(${name} PRIVATE IMAKEEP_TESTDATA="${CMAKE_SOURCE_DIR}/testdata")
  if("concurrency" IN_LIST ARG_LABELS)
    add_dependencies(concurrency_tests ${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
