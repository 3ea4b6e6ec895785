#include "services/ledger/engine/task.h"

namespace reserve::engine {

size_t BytesOf(const Task& task) {
  return sizeof(Task) + book::HeapBytesOf(task.account_id) + book::HeapBytesOf(task.caller) +
         book::HeapBytesOf(task.actor) + task.call_bytes + book::HeapBytesOf(task.command);
}

}  // namespace reserve::engine
