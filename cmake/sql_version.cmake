# The version of the SQL that the library and the program need is the one that is installed with them.
file(STRINGS ${PROJECT_SOURCE_DIR}/sql/millrace.control MILLRACE_SQL_VERSION REGEX "^default_version")
string(REGEX REPLACE "^default_version = '(.*)'$" "\\1" MILLRACE_SQL_VERSION "${MILLRACE_SQL_VERSION}")
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sql/millrace.control)
