/** WebSockets: that of a Hinterland backend, and those of any other. */

export type { SocketCall, SocketResult } from "./calls.js";
export type { ChannelMember, ChannelMessage, ChannelOptions, ChannelUser, ChannelView, JoinedChannel } from "./channels.js";
export type { LinkState, SocketConstructor, SocketLike } from "./link.js";
export type { LiveQueryState, LiveState } from "./live_list.js";
export type { SocketEvent } from "./messages.js";
export { socket } from "./socket.js";
export type { Packing, Socket, SocketConnection, SocketOptions } from "./socket.js";
export type { SubscribeOptions } from "./subscriptions.js";
export { json, plain, webSocket } from "./web_socket.js";
export type { Codec, WebSocketClient, WebSocketOptions } from "./web_socket.js";
