#include "pg/base/shared_memory.h"

namespace millrace::pg {
namespace {

struct Piece {
  const char* name;
  Size size;
  void** address;
  LWLock** lock;
};
constexpr int kMostPieces = 4;

Piece pieces[kMostPieces];
int piece_count = 0;
shmem_request_hook_type previous_request = nullptr;
shmem_startup_hook_type previous_startup = nullptr;

void Request() {
  if (previous_request != nullptr) previous_request();
  for (int i = 0; i < piece_count; ++i) {
    RequestAddinShmemSpace(pieces[i].size);
    RequestNamedLWLockTranche(pieces[i].name, 1);
  }
}

void Startup() {
  if (previous_startup != nullptr) previous_startup();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  for (int i = 0; i < piece_count; ++i) {
    bool found;
    *pieces[i].address = ShmemInitStruct(pieces[i].name, pieces[i].size, &found);
    *pieces[i].lock = &GetNamedLWLockTranche(pieces[i].name)->lock;
    if (!found) memset(*pieces[i].address, 0, pieces[i].size);
  }
  LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void RequestSharedMemory(const char* name, Size size, void** address, LWLock** lock) {
  if (piece_count == 0) {
    previous_request = shmem_request_hook;
    shmem_request_hook = Request;
    previous_startup = shmem_startup_hook;
    shmem_startup_hook = Startup;
  }
  Assert(piece_count < kMostPieces);
  pieces[piece_count++] = {name, size, address, lock};
}

}  // namespace millrace::pg
