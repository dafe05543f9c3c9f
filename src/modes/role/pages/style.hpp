#pragma once
// The style of every page of ours.

#include <string_view>

namespace spawner::role::pages {

inline constexpr std::string_view style = R"css(
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--text:#1c2330;--soft:#667085;--line:#e1e4ea;--accent:#2b6cb0;--onaccent:#fff;--good:#18794e;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--back:#12151b;--card:#1b2029;--text:#e7eaf0;--soft:#98a2b3;--line:#2d3441;--accent:#6aa9e9;--onaccent:#0d1522;--good:#4cc38a;--bad:#f97066}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:1rem;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:28rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:1rem}
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25}
p{margin:.5rem 0;overflow-wrap:anywhere}
small,.soft{color:var(--soft)}
code{font-size:.9em;overflow-wrap:anywhere}
a{color:var(--accent)}
ol{list-style:none;margin:1.25rem 0 0;padding:0}
li{display:flex;gap:.75rem;align-items:baseline;padding:.4rem 0;border-top:1px solid var(--line);color:var(--soft)}
li::before{content:"\25CB"}
li.done{color:var(--text)}
li.done::before{content:"\2713";color:var(--good)}
li.bad{color:var(--bad)}
li.bad::before{content:"\2715"}
li span{margin-left:auto;font-variant-numeric:tabular-nums;color:var(--soft)}
.bar{height:3px;margin:1rem 0 0;border-radius:2px;background:var(--line);overflow:hidden}
.bar::before{content:"";display:block;width:30%;height:100%;background:var(--accent);animation:slide 1.4s ease-in-out infinite}
.ended .bar{display:none}
@keyframes slide{from{margin-left:-30%}to{margin-left:100%}}
@media(prefers-reduced-motion:reduce){.bar::before{animation:none;width:100%}}
button{width:100%;margin:1rem 0 .5rem;padding:.9rem;border:0;border-radius:.6rem;background:var(--accent);color:var(--onaccent);font:inherit;font-weight:600;cursor:pointer}
button:disabled{opacity:.6;cursor:default}
button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
)css";

}  // namespace spawner::role::pages
