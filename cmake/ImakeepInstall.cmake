# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` gives to programs that use the libraries: headers, archives (.a) and imakeepConfig.cmake.
# examples/ is such a program. The Debian package leaves them out; there they are installed by
# `cmake --install BUILD --component development`.
include(CMakePackageConfigHelpers)
set(of_development COMPONENT development)
if(IMAKEEP_PACKAGE)
  list(APPEND of_development EXCLUDE_FROM_ALL)
endif()
set(config_directory ${CMAKE_INSTALL_LIBDIR}/cmake/imakeep)

foreach(library base digest signature imalog tpm attest archive archive_sqlite)
  set_target_properties(imakeep_${library} PROPERTIES EXPORT_NAME ${library})
  target_include_directories(imakeep_${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/imakeep>)
  target_compile_features(imakeep_${library} INTERFACE cxx_std_20)
  install(TARGETS imakeep_${library} EXPORT imakeepTargets ARCHIVE ${of_development})
endforeach()
foreach(layer base digest signature imalog tpm attest archive)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/*.h)
  list(FILTER headers EXCLUDE REGEX "test_support|openssl_objects")
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/imakeep/${layer} ${of_development})
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/src/archive/sqlite/sqlite_store.h ${CMAKE_SOURCE_DIR}/src/archive/sqlite/inode_lock.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/imakeep/archive/sqlite ${of_development})
install(EXPORT imakeepTargets NAMESPACE imakeep:: DESTINATION ${config_directory} ${of_development})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/imakeepConfig.cmake.in ${CMAKE_BINARY_DIR}/imakeepConfig.cmake
  INSTALL_DESTINATION ${config_directory})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/imakeepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/imakeepConfig.cmake ${CMAKE_BINARY_DIR}/imakeepConfigVersion.cmake
  DESTINATION ${config_directory} ${of_development})
