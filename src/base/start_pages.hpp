#pragma once
// Pages of files that only a start needed.

namespace spawner {

/// Unmaps the pages of the program's and its libraries' files that nothing writes to: code and constants. Those that are needed again are
/// mapped again, from the page cache, at their first use (about a microsecond for sixteen of them); what only the start needed is not.
/// Nothing that was written to is touched. For processes that wait most of their life. Thread: any; the others just go on.
void unmapStartPages();

}  // namespace spawner
