// Layout: an array of trees, and an array of marks. The marks of a tree are in a list by value, the
// newest first: a mark that is published is at least as high as the highest so far, so it moves to
// the front. A hash table of chains finds the mark of a leaf. When there is no free mark, the
// oldest one of a tree goes and the tree's floor rises to it.

#include "pg/tail/marks.h"

#include "pg/base/guc.h"
#include "pg/base/shared_memory.h"

namespace millrace::pg {
namespace {

constexpr int kNone = -1;
// After a doubt, the share of time that may be spent on learning floors again.
constexpr int64 kPauseFactor = 20;
// A worker asks for its trees all the time.
constexpr int64 kUnused = USECS_PER_HOUR;

struct SharedTree {
  Oid database;  // InvalidOid: free
  Tree tree;
  Oid file;  // of the sequence
  uint32 doubts;
  int64 highest;  // value of the newest mark
  int newest, oldest, count;
  TimestampTz used;  // when StartTracking was last called for it
  TimestampTz no_floor_before;
};

struct Mark {
  Oid leaf;
  int tree;  // kNone: free
  int64 value;
  int newer, older;
  int next;  // in the chain, or of the free ones
};

struct Shared {
  pg_atomic_uint32 version;  // of the trees
  // Microseconds that readers have spent, for each place of a tree. They only grow, also when
  // another tree comes to the place: who wants to know looks at the difference.
  pg_atomic_uint64 read_micros[kMostTrees];
  int mark_count;  // 0: not set up yet
  int free;
  SharedTree trees[kMostTrees];
};

Shared* shared = nullptr;
LWLock* lock = nullptr;
// They follow the struct in memory.
Mark* Marks() { return reinterpret_cast<Mark*>(shared + 1); }
int* Chains() { return reinterpret_cast<int*>(Marks() + shared->mark_count); }

// What this process knows of the trees.
Tree known_trees[kMostTrees];
TreeSet known_set = 0;
uint32 known_version = 0;

// Everything below, until the end of this namespace, REQUIRES that the lock is held.

int* ChainOf(int tree, Oid leaf) {
  const uint32 hash = hash_combine(murmurhash32(leaf), murmurhash32(static_cast<uint32>(tree)));
  return &Chains()[hash % static_cast<uint32>(shared->mark_count)];
}

void SetUp() {
  if (shared->mark_count > 0) return;
  shared->mark_count = tail_partitions;
  shared->free = kNone;
  for (int i = shared->mark_count - 1; i >= 0; --i) {
    Marks()[i].tree = kNone;
    Marks()[i].next = shared->free;
    shared->free = i;
    Chains()[i] = kNone;
  }
}

void Unlink(int number) {
  const Mark& mark = Marks()[number];
  SharedTree& tree = shared->trees[mark.tree];
  (mark.newer == kNone ? tree.newest : Marks()[mark.newer].older) = mark.older;
  (mark.older == kNone ? tree.oldest : Marks()[mark.older].newer) = mark.newer;
}

void PutFirst(int number) {
  Mark& mark = Marks()[number];
  SharedTree& tree = shared->trees[mark.tree];
  mark.newer = kNone;
  mark.older = tree.newest;
  (tree.newest == kNone ? tree.oldest : Marks()[tree.newest].newer) = number;
  tree.newest = number;
}

void FreeMark(int number) {
  Mark& mark = Marks()[number];
  Unlink(number);
  --shared->trees[mark.tree].count;
  int* link = ChainOf(mark.tree, mark.leaf);
  while (*link != number) link = &Marks()[*link].next;
  *link = mark.next;
  mark.tree = kNone;
  mark.next = shared->free;
  shared->free = number;
}

// Frees the oldest mark of this tree, or if it has none of the one with the most.
void FreeOldest(int own) {
  int tree = own;
  for (int i = 0; shared->trees[own].count == 0 && i < kMostTrees; ++i) {
    if (shared->trees[i].count > shared->trees[tree].count) tree = i;
  }
  SharedTree& from = shared->trees[tree];
  const int oldest = from.oldest;
  from.tree.floor = Max(from.tree.floor, Marks()[oldest].value);
  FreeMark(oldest);
}

void SetMark(int tree, Oid leaf, int64 value) {
  int* chain = ChainOf(tree, leaf);
  int number = *chain;
  while (number != kNone && (Marks()[number].tree != tree || Marks()[number].leaf != leaf)) {
    number = Marks()[number].next;
  }
  if (number != kNone) {
    Unlink(number);
  } else {
    if (shared->free == kNone) FreeOldest(tree);
    number = shared->free;
    Mark& mark = Marks()[number];
    shared->free = mark.next;
    mark.leaf = leaf;
    mark.tree = tree;
    mark.next = *chain;
    *chain = number;
    ++shared->trees[tree].count;
  }
  Marks()[number].value = value;
  PutFirst(number);
}

bool IsTree(const SharedTree& tree, Oid root, Oid sequence) {
  return tree.database == MyDatabaseId && tree.tree.root == root && tree.tree.sequence == sequence;
}

void TreesHaveChanged() { (void)pg_atomic_fetch_add_u32(&shared->version, 1); }

// A free tree, or the one for which nobody has asked the longest; kNone if somebody has asked for
// all of them lately.
int TakeTree() {
  int found = 0;
  for (int i = 0; i < kMostTrees; ++i) {
    if (!OidIsValid(shared->trees[i].database)) return i;
    if (shared->trees[i].used < shared->trees[found].used) found = i;
  }
  return shared->trees[found].used < GetCurrentTimestamp() - kUnused ? found : kNone;
}

void MakeTree(int number, const Tree& tree, Oid file) {
  SharedTree& made = shared->trees[number];
  while (made.count > 0) FreeMark(made.oldest);
  const uint32 doubts = made.doubts + 1;
  made = {};
  made.database = MyDatabaseId;
  made.tree = tree;
  made.file = file;
  made.doubts = doubts;
  made.newest = made.oldest = kNone;
  TreesHaveChanged();
}

int FindTree(Oid root, Oid sequence) {
  for (int i = 0; i < kMostTrees; ++i) {
    if (IsTree(shared->trees[i], root, sequence)) return i;
  }
  return kNone;
}

}  // namespace

void RequestMarks() {
  const Size size = sizeof(Shared) + tail_partitions * (sizeof(Mark) + sizeof(int));
  RequestSharedMemory("millrace tails", size, reinterpret_cast<void**>(&shared), &lock);
}

uint32 TreesVersion() { return known_version; }

TreeSet TreesHere(const Tree** trees) {
  if (trees != nullptr) *trees = known_trees;
  if (shared == nullptr) return 0;
  if (pg_atomic_read_u32(&shared->version) == known_version) return known_set;
  WithLock(lock, LW_SHARED, [] {
    known_set = 0;
    for (int i = 0; i < kMostTrees; ++i) {
      if (shared->trees[i].database != MyDatabaseId) continue;
      known_set |= TreeSet{1} << i;
      known_trees[i] = shared->trees[i].tree;
    }
    known_version = pg_atomic_read_u32(&shared->version);
  });
  return known_set;
}

namespace {

// The place of a tree, as this process knows it; kNone if it is not watched.
int PlaceOf(Oid root) {
  const Tree* trees;
  const TreeSet here = TreesHere(&trees);
  for (int i = 0; i < kMostTrees; ++i) {
    if ((here >> i & 1) != 0 && trees[i].root == root) return i;
  }
  return kNone;
}

}  // namespace

void NoteTailRead(Oid root, int64 micros) {
  const int place = PlaceOf(root);
  if (place != kNone) {
    pg_atomic_fetch_add_u64(&shared->read_micros[place], static_cast<int64>(Max(micros, 0)));
  }
}

int64 TailReadMicros(Oid root) {
  const int place = PlaceOf(root);
  return place == kNone ? 0 : static_cast<int64>(pg_atomic_read_u64(&shared->read_micros[place]));
}

Tracking StartTracking(Oid root, AttrNumber id, Oid sequence, Oid file) {
  if (shared == nullptr || RecoveryInProgress()) return {};
  return WithLock(lock, LW_EXCLUSIVE, [&] {
    SetUp();
    int number = FindTree(root, sequence);
    if (number == kNone) number = TakeTree();
    if (number == kNone) return Tracking();
    if (!IsTree(shared->trees[number], root, sequence) || shared->trees[number].file != file) {
      MakeTree(number, {root, sequence, id, false, 0}, file);
    }
    SharedTree& tree = shared->trees[number];
    tree.used = GetCurrentTimestamp();
    return Tracking{number, tree.doubts,
                    !tree.tree.known && GetCurrentTimestamp() >= tree.no_floor_before};
  });
}

bool StillWantsFloor(const Tracking& tracking) {
  if (tracking.tree == kNone || !tracking.wants_floor) return false;
  return WithLock(lock, LW_SHARED, [&] {
    const SharedTree& tree = shared->trees[tracking.tree];
    return tree.database == MyDatabaseId && tree.doubts == tracking.doubts && !tree.tree.known;
  });
}

bool LearnFloor(const Tracking& tracking, int64 floor, int64 took) {
  if (tracking.tree == kNone) return false;
  return WithLock(lock, LW_EXCLUSIVE, [&] {
    SharedTree& tree = shared->trees[tracking.tree];
    if (tree.database != MyDatabaseId || tree.doubts != tracking.doubts || tree.tree.known) {
      return false;
    }
    tree.tree.known = true;
    // It rises with each mark that had to go, also while it is not known.
    tree.tree.floor = Max(tree.tree.floor, floor);
    tree.no_floor_before = GetCurrentTimestamp() + kPauseFactor * took;
    TreesHaveChanged();
    return true;
  });
}

void DoubtTrees(TreeSet trees) {
  WithLock(lock, LW_EXCLUSIVE, [&] {
    for (int i = 0; i < kMostTrees; ++i) {
      SharedTree& tree = shared->trees[i];
      if ((trees >> i & 1) == 0 || tree.database != MyDatabaseId) continue;
      // Also when it is not known: whoever is learning the floor may not have seen these rows.
      ++tree.doubts;
      if (tree.tree.known) TreesHaveChanged();
      tree.tree.known = false;
    }
  });
}

void PublishMarks(int number, const Tree& as_known, const Oid* leaves, int count, int64 last) {
  WithLock(lock, LW_EXCLUSIVE, [&] {
    SharedTree& tree = shared->trees[number];
    if (!IsTree(tree, as_known.root, as_known.sequence)) return;
    tree.highest = Max(tree.highest, last);
    for (int i = 0; i < count; ++i) SetMark(number, leaves[i], tree.highest);
  });
}

bool LeavesAbove(Oid root, Oid sequence, int64 watermark, Oid** leaves, int* count) {
  *count = 0;
  if (shared == nullptr || RecoveryInProgress()) return false;
  // How many there are is known only under the lock, where no memory should be allocated.
  for (int room = 64;; room = 2 * *count) {
    *leaves = static_cast<Oid*>(palloc(room * sizeof(Oid)));
    const bool known = WithLock(lock, LW_SHARED, [&] {
      *count = 0;
      const int number = shared->mark_count == 0 ? kNone : FindTree(root, sequence);
      if (number == kNone) return false;
      const SharedTree& tree = shared->trees[number];
      if (!tree.tree.known || watermark < tree.tree.floor) return false;
      for (int i = tree.newest; i != kNone && Marks()[i].value > watermark; i = Marks()[i].older) {
        if (*count < room) (*leaves)[*count] = Marks()[i].leaf;
        ++*count;
      }
      return true;
    });
    if (!known || *count <= room) return known;
    pfree(*leaves);
  }
}

}  // namespace millrace::pg
