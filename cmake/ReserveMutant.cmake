# Programs with one deliberate fault each, on which `./run mutants` tries whether `chaos` finds it.

# reserve_mutant(NAME.patch): the target mutant_NAME builds bin/mutants/NAME/ledger, or .../worker,
# with the patch applied. Each patched source is copied and compiled, and linked before the
# libraries, where it stands in for the member that has the same symbols; all else is as built.
# So a patch may change .cc files of one of the two programs, and no headers. The target
# mutant_sources applies all patches, and fails if one no longer fits.
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
  get_target_property(libraries ${program} LINK_LIBRARIES)
  add_executable(mutant_${name} EXCLUDE_FROM_ALL ${mutated} $<TARGET_OBJECTS:${program}>)
  target_link_libraries(mutant_${name} PRIVATE ${libraries})
  set_target_properties(mutant_${name} PROPERTIES
    OUTPUT_NAME ${program}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/mutants/${name})
endfunction()
