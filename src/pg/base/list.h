// Range-for over a PostgreSQL List:
//   for (const RollupColumn* column : Each<RollupColumn>(columns)) ...
//   for (const Oid relation : EachOid(relations)) ...
// The list may grow while it is read, but elements must not be deleted.
#pragma once

#include <cstddef>

#include "pg/base/api.h"

namespace millrace::pg {

template <typename Value, Value (*Read)(const ListCell*)>
class ListRange {
 public:
  explicit ListRange(const List* list) : list_(list) {}

  class Iterator {
   public:
    explicit Iterator(const List* list) : list_(list) {}
    Value operator*() const { return Read(list_nth_cell(list_, index_)); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(std::nullptr_t) const { return index_ < list_length(list_); }

   private:
    const List* list_;
    int index_ = 0;
  };

  Iterator begin() const { return Iterator(list_); }
  std::nullptr_t end() const { return nullptr; }

 private:
  const List* list_;
};

template <typename T>
T* ReadPointer(const ListCell* cell) {
  return static_cast<T*>(lfirst(cell));
}
inline Oid ReadOid(const ListCell* cell) { return lfirst_oid(cell); }

// The elements of a list of pointers to T, in order.
template <typename T>
ListRange<T*, ReadPointer<T>> Each(const List* list) {
  return ListRange<T*, ReadPointer<T>>(list);
}
inline ListRange<Oid, ReadOid> EachOid(const List* list) { return ListRange<Oid, ReadOid>(list); }

}  // namespace millrace::pg
