# Programs with one deliberate fault each, on which `./run mutants` tries whether `chaos` finds it.

# reserve_mutated_library(NAME LIBRARY TREE): mutant_NAME_LIBRARY, compiled as the library is, but
# with those of its sources that are in the tree from there.
function(reserve_mutated_library name library tree)
  get_target_property(folder ${library} SOURCE_DIR)
  get_target_property(sources ${library} SOURCES)
  set(with_mutated)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
    if(${tree}/${path} IN_LIST mutated)
      set(source ${tree}/${path})
    endif()
    list(APPEND with_mutated ${source})
  endforeach()
  set(target mutant_${name}_${library})
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${with_mutated})
  foreach(property LINK_LIBRARIES UNITY_BUILD UNITY_BUILD_BATCH_SIZE
                   PRECOMPILE_HEADERS_REUSE_FROM)
    get_target_property(value ${library} ${property})
    if(value)
      set_property(TARGET ${target} PROPERTY ${property} ${value})
    endif()
  endforeach()
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
endfunction()

# reserve_mutant(NAME.patch): the target mutant_NAME builds bin/mutants/NAME/ledger, or .../worker,
# with the patch applied. Each patched source is copied, and its library compiled with the copy in
# its place and linked before the libraries, so that none of the library itself is taken; all else
# is as built. So a patch may change .cc files of libraries of one of the two programs, and no
# headers. The target mutant_sources applies all patches, and fails if one no longer fits.
function(reserve_mutant patch)
  get_filename_component(name ${patch} NAME_WE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${patch})
  file(STRINGS ${patch} lines REGEX "^\\+\\+\\+ b/")
  list(TRANSFORM lines REPLACE "^\\+\\+\\+ b/" "" OUTPUT_VARIABLE sources)
  set(program ledger)
  if(sources MATCHES "^worker/")
    set(program worker)
  endif()
  set(tree ${CMAKE_BINARY_DIR}/mutants/${name})
  list(TRANSFORM sources PREPEND ${tree}/ OUTPUT_VARIABLE mutated)
  list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/ OUTPUT_VARIABLE originals)
  set(copies)
  foreach(source IN LISTS sources)
    list(APPEND copies COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/${source} ${tree}/${source})
  endforeach()
  # git looks for no repository around: in one it would pass over what is outside of the folder.
  add_custom_command(OUTPUT ${mutated}
    ${copies}
    COMMAND ${CMAKE_COMMAND} -E chdir ${tree}
            ${CMAKE_COMMAND} -E env GIT_CEILING_DIRECTORIES=${CMAKE_BINARY_DIR}/mutants
            git apply ${patch}
    DEPENDS ${patch} ${originals}
    COMMENT "Applying ${name}.patch"
    VERBATIM)
  if(NOT TARGET mutant_sources)
    add_custom_target(mutant_sources)
  endif()
  set_property(TARGET mutant_sources APPEND PROPERTY SOURCES ${mutated})
  set(patched)
  foreach(source IN LISTS sources)
    get_property(library GLOBAL PROPERTY "RESERVE_LIBRARY_OF_${CMAKE_SOURCE_DIR}/${source}")
    list(APPEND patched ${library})
  endforeach()
  list(REMOVE_DUPLICATES patched)
  set(objects)
  foreach(library IN LISTS patched)
    reserve_mutated_library(${name} ${library} ${tree})
    list(APPEND objects $<TARGET_OBJECTS:mutant_${name}_${library}>)
  endforeach()
  get_target_property(libraries ${program} LINK_LIBRARIES)
  add_executable(mutant_${name} EXCLUDE_FROM_ALL ${objects} $<TARGET_OBJECTS:${program}>)
  target_link_libraries(mutant_${name} PRIVATE ${libraries})
  set_target_properties(mutant_${name} PROPERTIES
    OUTPUT_NAME ${program}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/mutants/${name})
endfunction()
