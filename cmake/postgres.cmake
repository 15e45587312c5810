# The PostgreSQL that the extensions are built for and installed into is the one that pg_config names: that of the
# environment's PG_CONFIG, or else the first in PATH.
if(DEFINED ENV{PG_CONFIG})
  set(PG_CONFIG $ENV{PG_CONFIG} CACHE FILEPATH "pg_config of the PostgreSQL to build for")
endif()
find_program(PG_CONFIG pg_config REQUIRED)
function(pg_config_value option variable)
  execute_process(COMMAND ${PG_CONFIG} ${option} OUTPUT_VARIABLE value
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${value} PARENT_SCOPE)
endfunction()
pg_config_value(--includedir-server PG_INCLUDE_SERVER)
pg_config_value(--pkglibdir PG_PKGLIBDIR)
pg_config_value(--sharedir PG_SHAREDIR)
pg_config_value(--bindir PG_BINDIR)
pg_config_value(--version PG_VERSION)
string(REGEX MATCH "[0-9]+" PG_MAJOR "${PG_VERSION}")
