"""Independent WebSocket implementations as programs, and the cases that they play with each other.

A client program reads one command a line (JSON: url, steps, …) and answers each with one line, its report. A server program prints the line
`port N`, then one line for each connection, its report. What a server is to do stands in the URL's query: `run`, `steps` and `options`
(`refuse`: a status, with a `body`; the `subprotocols` that it speaks; `cork`: the 101 waits for the step "uncork").

Steps of either side, done in order; then a side waits for the connection's end and reports:
  ["send", kind, NAME]        a message, by the library's ordinary call
  ["frames", kind, [item …]]  a fragmented message; an item is the NAME of a fragment's content, or ["ping"|"pong", NAME] in between
  ["ping", NAME], ["pong", NAME]
  ["await", N]                until N messages, pings and pongs have come (or the end)
  ["echo"]                    from now on each message goes back (servers)
  ["close", code, reason]     a close frame; code null: an empty one
  ["half"]                    FIN: nothing more from this side, it goes on reading
  ["reset"]                   RST
NAME is a file in the folder of contents. A report: `seen` (kind, length, SHA-256 of each thing that came, in order), `end`, and what was
negotiated. Ends:
  closed CODE REASON          a close frame came (1005: one without a code, RFC 6455 §7.1.5)
  lost end, lost reset        TCP ended without one
  failed CODE                 this side found what came invalid and said so
  refused STATUS …            no 101
"""
