/**
 * What a channel server refused, slowed down and dropped, counted. Knows nothing of why.
 */

/** What went wrong on the sockets of a server since it was made. */
export interface ChannelCounters {
  /** Frames that were no message; each closed its socket. */
  malformedFrames: number;
  /** Messages that were answered with an error because of their payload: no object, or nested too deep. */
  refusedMessages: number;
  /** Sockets dropped because more than `maxBufferedBytes` waited for them. */
  slowReaders: number;
  /** Sockets dropped because more than `maxBufferedBytesTotal` waited for all, or because too many were never used. */
  crowdedOut: number;
  /** Sockets closed because nothing was heard of them. */
  idleSockets: number;
  /** Joins refused for their number, for what they cause to be sent, or for their payload. */
  refusedJoins: number;
  /** Times a socket was read no faster. */
  pausedReads: number;
  /** Channels ended because too much waited for their handlers. */
  overflowedChannels: number;
  /** Frames of bytes that were not sent, because a client on long polling could not take them. */
  undeliverableFrames: number;
  /** Bodies of long polling that were not read to their end: too large, too slow, or too much on all sockets. */
  refusedBodies: number;
  /** Requests of long polling with a token that no server here has signed, or more often than a session may ask. */
  refusedPolls: number;
  /** Times another server said hello and got no answer of its own: it had some just now, or too many asked. */
  refusedHellos: number;
  /** Frames on the pubsub that no channel server has sent, or that name an id which is none. */
  invalidFrames: number;
  /** Frames of other servers that say more than this version reads: the rest is read, unless all of it is new. */
  furtherFrames: number;
  /** With `route`: broadcasts that went only to the nodes that hear their topic. */
  routedBroadcasts: number;
  /** With `route`: broadcasts that went to all nodes, as it was not known yet who hears their topic, or cannot be known. */
  unsettledBroadcasts: number;
  /** With `route`: broadcasts that went to all nodes, as so many hear their topic. */
  crowdedBroadcasts: number;
  /** With `route`: broadcasts that went to all nodes, as a server is there that does not tell what it hears, or not here. */
  unannouncedBroadcasts: number;
  /** With `route`: routed broadcasts that were kept for less than 15 s, as too many are made. A node that is listed late misses them. */
  forgottenBroadcasts: number;
  /** Connections refused before the upgrade, for whatever reason, unknown paths and the connect hook's included. */
  refusedConnections: number;
  /** Those of them that were refused for their origin. */
  refusedOrigins: number;
}

export function zeroCounters(): ChannelCounters {
  return {
    malformedFrames: 0,
    refusedMessages: 0,
    slowReaders: 0,
    crowdedOut: 0,
    idleSockets: 0,
    refusedJoins: 0,
    pausedReads: 0,
    overflowedChannels: 0,
    undeliverableFrames: 0,
    refusedBodies: 0,
    refusedPolls: 0,
    refusedHellos: 0,
    invalidFrames: 0,
    furtherFrames: 0,
    routedBroadcasts: 0,
    unsettledBroadcasts: 0,
    crowdedBroadcasts: 0,
    unannouncedBroadcasts: 0,
    forgottenBroadcasts: 0,
    refusedConnections: 0,
    refusedOrigins: 0,
  };
}
