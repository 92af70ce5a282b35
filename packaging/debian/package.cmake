# SPDX-License-Identifier: Apache-2.0
# The .deb, made by `cpack --preset package`; included by packaging/CMakeLists.txt.

# The project has no address of its own; whoever distributes the package has.
set(IMAKEEP_PACKAGE_MAINTAINER "imakeep maintainers <imakeep@localhost>" CACHE STRING "Who answers for the package")

# Debian keeps the licence's text once for all: debian/copyright says where.
configure_file(debian/changelog.in changelog @ONLY)
compressed(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog cat)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES debian/lintian-overrides DESTINATION share/lintian/overrides RENAME imakeep)

set(CPACK_GENERATOR DEB)
# With DESTDIR, or files with a whole path (/etc) would go to this machine.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_NAME imakeep)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${IMAKEEP_PACKAGE_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeper of IMA's measurement list")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Linux's IMA writes down every file that a machine runs or reads, in kernel
memory that is not freed. imakeep archives this list, proves it against
the TPM, and trims from the kernel's memory what is archived and proven.
It also replays, exports and checks such lists, and serves one on machines
without IMA.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# systemd-sysusers makes the user.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
# `list serve` without root mounts by fusermount3; `policy from-packages` checks signatures by gpgv.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "fuse3, gpgv")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script postinst prerm postrm conffiles)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/${script})
endforeach()
include(CPack)
