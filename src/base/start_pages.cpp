#include "base/start_pages.hpp"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace spawner {
namespace {

int unmapConstants(dl_phdr_info* object, std::size_t, void*) {
  const char first = object->dlpi_name == nullptr ? '\0' : object->dlpi_name[0];
  if (first != '\0' && first != '/') return 0;  // of no file: the kernel's vdso
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    // Relocated constants are in a segment that is writable by its header, whatever it is by now.
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr + page - 1) / page * page;
    const std::uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) / page * page;
    // It fails where pages are locked; then they stay, as they would without this.
    if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void unmapStartPages() { (void)::dl_iterate_phdr(unmapConstants, nullptr); }

}  // namespace spawner
