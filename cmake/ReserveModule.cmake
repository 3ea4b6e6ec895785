# The compile options of our own code, and how a module, a binary and a test are
# declared.

add_library(reserve_options INTERFACE)
target_compile_options(reserve_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                       -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 takes std::string's own operator+ for writes out of bounds (its bugs 105329, 105651).
  target_compile_options(reserve_options INTERFACE -Wno-array-bounds -Wno-restrict)
endif()
target_include_directories(reserve_options INTERFACE ${CMAKE_SOURCE_DIR})
if(RESERVE_SANITIZER)
  # With sanitizers GCC takes its own instrumentation for uninitialised reads.
  # Undefined behaviour ends the program, so that a test that meets it fails.
  add_compile_options(-fsanitize=${RESERVE_SANITIZER} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1
                      -Wno-maybe-uninitialized)
  if(RESERVE_SANITIZER STREQUAL "thread")
    # Abseil's flags use a fence, which the thread sanitizer does not see; they are read before
    # there are threads.
    add_compile_options(-Wno-tsan)
  endif()
  add_link_options(-fsanitize=${RESERVE_SANITIZER})
endif()
if(RESERVE_FUZZ)
  # Warnings are GCC's business, with which all of it is built, too.
  add_compile_options(-fsanitize=fuzzer-no-link -w)
endif()

# Optimising what only tests do took half of the time of a build, and saved none of their own: they
# wait for the programs and the libraries that they try, which are optimised as ever. So the code of
# tests is PLAIN, but where it works as hard as the product does (OPTIMISED: simulation, properties).
set(RESERVE_PLAIN_OPTIONS -O0)

# Parsing headers takes most of the rest, so each target takes one of four precompiled sets: that of
# the core, that of tests, or that of what uses gRPC, optimised or plain.
set(RESERVE_CORE_HEADERS
  <algorithm> <atomic> <cstdint> <deque> <functional> <map> <memory> <optional> <string> <thread>
  <utility> <variant> <vector>
  <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
  <absl/container/inlined_vector.h> <absl/numeric/int128.h> <absl/status/status.h>
  <absl/status/statusor.h> <absl/strings/match.h> <absl/strings/numbers.h>
  <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/strings/string_view.h> <absl/synchronization/mutex.h>
  <absl/synchronization/notification.h> <absl/time/clock.h> <absl/time/time.h>
  <absl/types/span.h>)

# reserve_precompiled(NAME [PLAIN] HEADERS <a.h>... DEPENDS lib...): a target whose precompiled
# headers others take over.
function(reserve_precompiled name)
  cmake_parse_arguments(ARG "PLAIN" "" "HEADERS;DEPENDS" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/precompiled/${name}.cc)
  if(NOT EXISTS ${source})
    file(WRITE ${source} "// Only here so that the headers are compiled once.\n")
  endif()
  add_library(${name} STATIC ${source})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE reserve_options)
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  if(ARG_PLAIN)
    target_compile_options(${name} PRIVATE ${RESERVE_PLAIN_OPTIONS})
  endif()
endfunction()
reserve_precompiled(reserve_core_headers HEADERS ${RESERVE_CORE_HEADERS} DEPENDS absl::statusor)
if(BUILD_TESTING)
  reserve_precompiled(reserve_test_headers PLAIN
    HEADERS ${RESERVE_CORE_HEADERS} <gmock/gmock.h> <gtest/gtest.h>
    DEPENDS absl::statusor GTest::gmock)
endif()

# Gives a target its precompiled headers: reserve_take_headers(target GRPC PLAIN), both true or false.
function(reserve_take_headers name grpc plain)
  if(plain)
    target_compile_options(${name} PRIVATE ${RESERVE_PLAIN_OPTIONS})
    # Their precompiled headers are those of tests, and are only taken with the same definitions.
    target_link_libraries(${name} PRIVATE GTest::gmock)
  endif()
  if(grpc AND plain)
    target_precompile_headers(${name} REUSE_FROM reserve_grpc_test_headers)
  elseif(grpc)
    target_precompile_headers(${name} REUSE_FROM reserve_grpc_headers)
  elseif(plain)
    target_precompile_headers(${name} REUSE_FROM reserve_test_headers)
  else()
    target_precompile_headers(${name} REUSE_FROM reserve_core_headers)
  endif()
endfunction()

# Compiles sources so many at a time, if RESERVE_UNITY is set: most of the time goes into what they
# all include, and into templates that each of them would instantiate.
function(reserve_compile_together name at_once)
  if(RESERVE_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${at_once})
  endif()
endfunction()

# reserve_library(NAME [GRPC] [PLAIN] [TOGETHER|APART] SOURCES a.cc b.cc DEPENDS lib...): a static
# library. With GRPC its sources may include gRPC and protobuf headers, which are precompiled. With
# RESERVE_UNITY a dozen sources are compiled at a time, so what has no linkage needs names that
# differ within the library: of the product's libraries without GRPC if they are not APART, of the
# others if they are TOGETHER.
function(reserve_library name)
  cmake_parse_arguments(ARG "GRPC;PLAIN;TOGETHER;APART" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  foreach(source IN LISTS ARG_SOURCES)
    cmake_path(ABSOLUTE_PATH source)
    set_property(GLOBAL PROPERTY "RESERVE_LIBRARY_OF_${source}" ${name})  # for ReserveMutant
  endforeach()
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE reserve_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  reserve_take_headers(${name} ${ARG_GRPC} ${ARG_PLAIN})
  if(ARG_TOGETHER OR NOT (ARG_APART OR ARG_GRPC OR
                          CMAKE_CURRENT_SOURCE_DIR MATCHES "^${CMAKE_SOURCE_DIR}/tests"))
    reserve_compile_together(${name} 12)
  endif()
endfunction()

# reserve_binary(NAME [GRPC] [PLAIN] SOURCES main.cc DEPENDS lib...)
function(reserve_binary name)
  cmake_parse_arguments(ARG "GRPC;PLAIN" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} reserve_options)
  reserve_take_headers(${name} ${ARG_GRPC} ${ARG_PLAIN})
endfunction()

# What the CI runs under the thread sanitizer: the tests with the label threads.
if(BUILD_TESTING)
  add_custom_target(threads_tests)
endif()

# reserve_test(NAME SOURCES x_test.cc DEPENDS lib... LABELS unit|storage|e2e [threads]
# [TIMEOUT seconds] [SHARDS n] [GRPC] [OPTIMISED] [WAITS] [TOGETHER] [MAY_SKIP]): a GoogleTest binary
# that is one ctest, or with SHARDS several, NAME_1 and so on, with a share of its tests each. Two that
# are of WAITS run in the place of another one: most of their time they wait, not for a core. TOGETHER
# is as that of a library, with half as many sources. One that MAY_SKIP is told as skipped, not as
# passed, if a test of it was skipped, as where a tool is missing, and none failed.
function(reserve_test name)
  cmake_parse_arguments(ARG "GRPC;OPTIMISED;WAITS;TOGETHER;MAY_SKIP" "TIMEOUT;SHARDS"
    "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set(main GTest::gmock_main)
  if(ARG_MAY_SKIP)
    set(main reserve_skipping_main GTest::gmock)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ${main} reserve_options)
  if(RESERVE_SANITIZER STREQUAL "thread")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/tsan_synchronization.cc)
    target_link_libraries(${name} PRIVATE absl::synchronization ${CMAKE_DL_LIBS})
  endif()
  if(ARG_OPTIMISED)
    reserve_take_headers(${name} ${ARG_GRPC} FALSE)
  else()
    reserve_take_headers(${name} ${ARG_GRPC} TRUE)
  endif()
  if(ARG_TOGETHER)
    reserve_compile_together(${name} 6)
  endif()
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(threads_tests ${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(RESERVE_SANITIZER)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")  # what a sanitizer watches is that slow
  endif()
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  set(processors 2)
  if(ARG_WAITS)
    set(processors 1)
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    set(test_name ${name})
    set(environment "RESERVE_TEST_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};RESERVE_TEST_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
    if(ARG_SHARDS GREATER 1)
      set(test_name ${name}_${shard})
      math(EXPR index "${shard} - 1")
      list(APPEND environment GTEST_TOTAL_SHARDS=${ARG_SHARDS} GTEST_SHARD_INDEX=${index})
    endif()
    add_test(NAME ${test_name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # What may take longest starts first, so that no core is left with nothing to do in the end.
    set_tests_properties(${test_name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
      COST ${ARG_TIMEOUT} PROCESSORS ${processors} ENVIRONMENT "${environment}")
    if(ARG_MAY_SKIP)
      set_tests_properties(${test_name} PROPERTIES SKIP_RETURN_CODE 77)
    endif()
  endforeach()
endfunction()
