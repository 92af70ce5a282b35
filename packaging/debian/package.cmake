# SPDX-License-Identifier: Apache-2.0
# The .debs, made by `cpack --preset package`; included by packaging/CMakeLists.txt. Each component is a package.

# The project has no address of its own; whoever distributes the packages has.
set(IMAKEEP_PACKAGE_MAINTAINER "imakeep maintainers <imakeep@localhost>" CACHE STRING "Who answers for the packages")

# Debian keeps the licence's text once for all: debian/copyright says where.
configure_file(debian/changelog.in changelog @ONLY)
compressed(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog cat)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz debian/copyright DESTINATION ${verifier_doc} COMPONENT verifier)
install(FILES debian/lintian-overrides DESTINATION share/lintian/overrides RENAME imakeep)

set(CPACK_GENERATOR DEB)
# With DESTDIR, or files with a whole path (/etc) would go to this machine.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL imakeep verifier)
set(CPACK_PACKAGE_NAME imakeep)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE imakeep)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${IMAKEEP_PACKAGE_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# systemd-sysusers makes the users.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
foreach(component IMAKEEP VERIFIER)
  set(scripts ${CMAKE_CURRENT_LIST_DIR})
  if(component STREQUAL VERIFIER)
    set(scripts ${CMAKE_CURRENT_LIST_DIR}/verifier)
  endif()
  foreach(script postinst prerm postrm conffiles)
    list(APPEND CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA ${scripts}/${script})
  endforeach()
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_STRICT_PERMISSION ON)
endforeach()

# A description begins with the summary.
set(CPACK_DEBIAN_IMAKEEP_PACKAGE_NAME imakeep)
set(CPACK_DEBIAN_IMAKEEP_DESCRIPTION
"keeper of IMA's measurement list
Linux's IMA writes down every file that a machine runs or reads, in kernel
memory that is not freed. imakeep archives this list, proves it against
the TPM, and trims from the kernel's memory what is archived and proven.
It also replays, exports and checks such lists, and serves one on machines
without IMA.")
# `list serve` without root mounts by fusermount3; `policy from-packages` checks signatures by gpgv.
set(CPACK_DEBIAN_IMAKEEP_PACKAGE_RECOMMENDS "fuse3, gpgv")

set(CPACK_DEBIAN_VERIFIER_PACKAGE_NAME imakeep-verifier)
set(CPACK_DEBIAN_VERIFIER_DESCRIPTION
"verifier of IMA's measurement lists
Hosts send this service quotes of their TPMs and their measurement lists.
It proves the lists by the quotes, appraises each record by a policy,
answers with a signed attestation result, and says how many records are
proven, so that a host can trim them. It keeps its state in SQLite or in
PostgreSQL.")
include(CPack)
