// Free space on the server's volumes, for those who cannot look at its disks: the dashboard, or
// another machine.

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "pg/base/api.h"

namespace millrace::pg {
namespace {

// Adds one row: what is stored there, the number of the device, its size, and how much the server
// may still write. Adds nothing for a folder that cannot be read, because a tablespace may be
// dropped in the meantime.
void PutVolume(ReturnSetInfo* results, const char* name, const char* path) {
  struct stat file;
  struct statvfs volume;
  if (stat(path, &file) != 0 || statvfs(path, &volume) != 0) return;
  const int64 block = static_cast<int64>(volume.f_frsize);
  Datum values[] = {CStringGetTextDatum(name), Int64GetDatum(static_cast<int64>(file.st_dev)),
                    Int64GetDatum(static_cast<int64>(volume.f_blocks) * block),
                    Int64GetDatum(static_cast<int64>(volume.f_bavail) * block)};
  bool nulls[lengthof(values)] = {};
  tuplestore_putvalues(results->setResult, results->setDesc, values, nulls);
}

}  // namespace
}  // namespace millrace::pg

using namespace millrace::pg;

// millrace.volumes() returns setof (name, device, size_bytes, free_bytes): of the data directory,
// the WAL and each tablespace.
MILLRACE_FUNCTION(volumes) {
  InitMaterializedSRF(fcinfo, 0);
  auto* results = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  PutVolume(results, "data directory", DataDir);
  PutVolume(results, "WAL", psprintf("%s/pg_wal", DataDir));
  const char* folder = psprintf("%s/pg_tblspc", DataDir);
  DIR* links = AllocateDir(folder);
  while (const dirent* link = ReadDir(links, folder)) {
    CHECK_FOR_INTERRUPTS();
    const Oid oid = static_cast<Oid>(strtoul(link->d_name, nullptr, 10));
    const char* name = oid == InvalidOid ? nullptr : get_tablespace_name(oid);
    if (name == nullptr) continue;
    PutVolume(results, psprintf("tablespace %s", name), psprintf("%s/%s", folder, link->d_name));
  }
  FreeDir(links);
  return static_cast<Datum>(0);
}
