# The flags of the engine's sources, and the instruction sets that the compiler can target. Read by CMakeLists.txt and tests/native/CMakeLists.txt.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "the engine is written for GCC and Clang (on Windows: clang-cl), and this compiler is ${CMAKE_CXX_COMPILER_ID}")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Never -ffast-math (infinities and NaN keep their meaning) and never -march=native.
set(ENGINE_FLAGS -O3 -g0 -fno-math-errno -fno-trapping-math -fvisibility=hidden -Wall -Wextra -Wno-psabi)
# Which product of a·b + c·d is fused with the sum must not depend on the tile in which it stands: a row's bits are the same in any. Under `fast` Clang
# decides that anew for each tile's height, under `on` once, by the source. GCC knows only `fast`, and chooses alike for all of them (tests/native).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND ENGINE_FLAGS -ffp-contract=fast)
else()
  list(APPEND ENGINE_FLAGS -ffp-contract=on)
endif()
set(ISA_FLAGS_baseline)
set(ISA_FLAGS_neon)
set(ISA_FLAGS_avx2 -mavx2 -mfma)
set(ISA_FLAGS_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512)

include(CheckCXXSourceCompiles)
# What the compiler targets, not where it runs: the two differ in a cross build.
check_cxx_source_compiles("#if !defined(__x86_64__) && !defined(_M_X64)\n#error\n#endif\nint main() { return 0; }" TARGET_IS_X86_64)
check_cxx_source_compiles("#if !defined(__aarch64__)\n#error\n#endif\nint main() { return 0; }" TARGET_IS_AARCH64)
if(TARGET_IS_AARCH64)
  set(INSTRUCTION_SETS neon)
elseif(TARGET_IS_X86_64 AND NOT (WIN32 AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"))
  set(INSTRUCTION_SETS baseline avx2 avx512)
else()
  # GCC on Windows among them: it does not align the stack for wider vectors (GCC bug 54412).
  set(INSTRUCTION_SETS baseline)
endif()

# clang-cl takes Clang's own flags behind a prefix.
if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
  foreach(flags ENGINE_FLAGS ISA_FLAGS_avx2 ISA_FLAGS_avx512)
    list(TRANSFORM ${flags} PREPEND "/clang:")
  endforeach()
endif()

# add_instruction_sets(target flags...): isa.cpp for each of the sets, with these flags too and -DTIDEGATE_ISA=name, where the compiler knows the set's.
#
# Each is a library of one file, and they are linked after the target's other files, in the order of INSTRUCTION_SETS, the plainest first. Where
# several files carry the same inline function of a header, the linker keeps the first one it meets; if that were the one compiled for
# AVX-512, processors that lack it would crash.
set(ENGINE_SOURCES_FOLDER "${CMAKE_CURRENT_LIST_DIR}")
function(add_instruction_sets target)
  foreach(name IN LISTS INSTRUCTION_SETS)
    string(TOUPPER ${name} NAME)
    string(REPLACE ";" " " CMAKE_REQUIRED_FLAGS "${ISA_FLAGS_${name}}")
    check_cxx_source_compiles("int main() { return 0; }" COMPILER_TARGETS_${NAME})
    if(COMPILER_TARGETS_${NAME})
      add_library(isa_${name} STATIC "${ENGINE_SOURCES_FOLDER}/isa.cpp")
      set_target_properties(isa_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
      target_compile_options(isa_${name} PRIVATE ${ENGINE_FLAGS} ${ISA_FLAGS_${name}} ${ARGN})
      target_compile_definitions(isa_${name} PRIVATE TIDEGATE_ISA=${name})
      target_link_libraries(${target} PRIVATE isa_${name})
      target_compile_definitions(${target} PRIVATE TIDEGATE_HAS_${NAME})
    endif()
  endforeach()
endfunction()
