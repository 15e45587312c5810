// PostgreSQL's headers, as C. The only file that includes them; what differs between the major
// versions is settled here.
#pragma once

// The library is compiled with hidden visibility; before PostgreSQL 16 this macro is empty.
#define PGDLLEXPORT __attribute__((visibility("default")))

// postgres.h comes first.
// clang-format off
extern "C" {
#include <postgres.h>

#include <access/genam.h>
#include <access/htup_details.h>
#include <access/relation.h>
#include <catalog/index.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <commands/extension.h>
#include <executor/spi.h>
#include <fmgr.h>
#include <funcapi.h>
#include <libpq/pqformat.h>
#include <mb/pg_wchar.h>
#include <miscadmin.h>
#include <nodes/execnodes.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/guc.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/numeric.h>
#include <utils/rel.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}
// clang-format on

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 160000
#error "Millrace is written for PostgreSQL 15"
#endif

// An SQL-callable function. In the library its name carries a prefix, so that it never stands in
// for a symbol of a published hll or topn library loaded into the same backend.
#define MILLRACE_FUNCTION(name)         \
  extern "C" {                          \
  PG_FUNCTION_INFO_V1(millrace_##name); \
  }                                     \
  extern "C" PGDLLEXPORT Datum millrace_##name(PG_FUNCTION_ARGS)
