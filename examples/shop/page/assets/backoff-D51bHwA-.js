function e(e){try{let t=JSON.parse(e);return n(t)?t:{}}catch{return{}}}var t=`a number is NaN or infinite; JSON has finite numbers only`,n=e=>typeof e==`object`&&!!e&&!Array.isArray(e),r=(e,t)=>e===`yes`||t===`no`?e:t,i=new Map(`error|||Something went wrong.|Try again.|no
network|error||The server did not respond.|Check the network connection and try again.|maybe
connect|network||The server can't be reached.|Check the network connection and the server's address, then try again.|no
tls|connect||The connection to the server is not secure, so nothing was sent.|Check the server's certificate and this machine's clock.
connection_lost|network||The connection to the server was lost.
read_timeout|network||The server took too long to respond.|Try again, or raise the timeout in Options.
deadline|read_timeout|||Try again, or raise Options.deadline.
unsafe_request|error||The request was not sent because it would not be safe.|Check the server's address.
insecure_address|unsafe_request||The server's address is not encrypted, so nothing was sent.|Use https, or createClient({allowHttp: true}) in a network that you trust.
redirect_refused|unsafe_request||The server points to an address that is not safe to follow.||yes
invalid_response|error||The server's response was not understood.|Check that the address is this app's server, and that app and server are of the same version.|yes
invalid_setting|error||A setting of the client can't be used.|Correct the setting.
closed|error||The connection to the server was closed by this app.|Make a new Client.
status|error||The server refused the request.|Check the request.|yes
bad_request|status
invalid_request|bad_request|400
invalid_body|bad_request|400
invalid_query|bad_request|400
not_acceptable|bad_request|406
upgrade_required|bad_request|426
invalid_cursor|bad_request|400|The list can't be continued from here.|Start again without a cursor.
too_costly|bad_request|400|This search takes the server too long.|Make the filter simpler or narrower.
invalid_grant|bad_request|400|You were signed out.|Sign in again.
wrong_server|bad_request||This is another server than the one that you signed in to.|Connect to that one, or log out and log in here.
invalid_challenge|bad_request|400|The log-in took too long or had too many attempts.|Log in again.
validation|bad_request|400 422|Some fields are not valid.|Correct the fields.
password_policy|validation|422|The password can't be used.|Choose another one.
method_not_allowed|bad_request|405 405||Check that app and server are of the same version.
too_large|bad_request|413 413 431|This is too large to send.|Send less at once.
headers_too_large|too_large|431
unsupported_media_type|bad_request|415 415||Check that app and server are of the same version.
range_not_satisfiable|bad_request|416
misdirected|bad_request|421
key_reused|bad_request|422||Use a new idempotency key for each write.
unauthorized|status|401 401|You are not signed in.|Sign in.
invalid_credentials|unauthorized|401|The e-mail or the password is wrong.|Check both and try again.
challenge_required|unauthorized|401|A second factor is required.|Enter the code of your authenticator app, or a recovery code.
forbidden|status|403 403|You may not do this.|Ask its owner for permission.
not_found|status|404 404 410|This was not found.|It may have been deleted, or its address is wrong.
unknown_collection|not_found|404||Check the collection's name, and that app and server are of the same version.
request_timeout|status| 408|The server took too long.|Try again.|maybe
timeout|request_timeout|408
conflict|status|409 409|This clashes with something that already exists.|Change it or use what exists.
in_progress|conflict|409|This is still being done.|Wait a moment and try again.
fork|conflict|409||Use a new device id.
gap|conflict|409||Send the missing ones first.
unacknowledged|conflict|409||Acknowledge the results that were kept.
stale|status|412 412|This was changed meanwhile.|Load it again and repeat the change.
rate_limited|status|429 429|Too many requests.|Wait and try again.
internal|status|500|The server made a mistake.|Try again later.|maybe
not_implemented|internal|501
http_version|internal|505
unavailable|internal|503 502 503 504|The server can't do this now.
storage_full|internal|507 507|The server has no room left.|Ask the server's administrator to free storage.`.split(`
`).map(e=>{let t=e.split(`|`);return[t[0],t]})),a=e=>parseInt(i.get(e)?.[2])||0,o=class extends Error{name=`HinterlandError`;detail=``;attempts=1;waited=0;requestId=``;operation=``;status=0;errors={};details={};isFromServer=!1;isInDoubt=!1;constructor(e=`error`,t={}){super(),Object.assign(this,t),this.code||=e;for(let t=i.get(e);t;t=i.get(t[1]))this.message||=t[3],this.advice||=t[4],this.sent||=t[5]}get isDecided(){return this instanceof l&&(this.isFromServer||!this.status)}},s=class extends o{},c=class extends o{},l=class extends o{},u=class extends l{},d=class extends l{},f=class extends d{get challenge(){return String(this.details.challenge)}},p=class extends l{},m={error:o,network:s,invalid_response:c,status:l,validation:u,unauthorized:d,challenge_required:f,wrong_server:p,not_found:class extends l{},conflict:class extends l{},stale:class extends l{}};function h(e,t){let n=e;for(;!m[n];)n=i.get(n)[1];return new m[n](e,t)}function g(e,t){if(a(e))return e;for(let[e,,n=``]of i.values())if(n.includes(` ${t}`))return e;return t<400?`status`:t<500?`bad_request`:`internal`}var _=(e,t)=>{let{code:n,message:r,status:i,errors:a={},details:o={},request_id:s=``,retry_after:c}=e,l=n===`invalid_grant`&&o.reason===`another_server`;return h(l?`wrong_server`:g(n,i),{code:n,message:l?``:r,status:i,errors:a,details:o,requestId:s,isFromServer:!0,retryAfter:c??void 0,...t})},v=(e,t,n)=>_({code:e,message:t,status:0,...n&&{errors:n}},{sent:`no`,isFromServer:!1}),y=({headers:e})=>e.get(`x-request-id`)??``;function b(t){let{code:n,status:r}=e(t.text);return a(n)===r&&r===t.status}function x(t,n,r){let i=e(t.text),{status:a}=t,o=S(t.headers,n);if(b(t))return _({retry_after:o,...i},r);let s=[`message`,`detail`,`error`,`title`].map(e=>i[e]).find(e=>e&&typeof e==`string`);return h(g(String(i.code),a),{...r,message:s?.slice(0,300),status:a,requestId:y(t),retryAfter:o})}function S(e,t){let n=e.get(`retry-after`)?.trim()??``;if(/^\d+$/.test(n))return Number(n);let r=/[a-z]/i.test(n)?Date.parse(n):NaN;return Number.isNaN(r)?void 0:Math.max(0,(r-(Date.parse(e.get(`date`))||t))/1e3)}var C=(e,t,n=``)=>h(`invalid_response`,{path:`$`,found:t,operation:n,requestId:y(e)}),w={now:()=>Date.now(),monotonic:()=>performance.now(),after(e,t){let n=setTimeout(t,e);return()=>clearTimeout(n)}};function T(e,t,n){return new Promise((r,i)=>{let a=()=>{o(),i(n.reason)},o=e.after(t,()=>{n?.removeEventListener(`abort`,a),r()});n?.aborted?a():n?.addEventListener(`abort`,a)})}var E=(e,t,n,r,i=0)=>Math.max(i,Math.min(n,t*2**e)*r()),D=5e3,O=(e,t,n)=>E(e,.25,4,t,n)*1e3;function k(e=.2,t=10){let n=t;return{payIn:()=>void(n=Math.min(t,n+e)),take:()=>n>=1&&(n--,!0)}}export{n as C,t as S,v as _,T as a,a as b,c,p as d,x as f,r as g,b as h,O as i,s as l,h as m,k as n,w as o,_ as p,E as r,o as s,D as t,l as u,y as v,e as w,C as x,S as y};