//! One WebSocket connection from its first byte to its last: frames in, stanzas out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use axum::extract::ws::{Message, WebSocket};
use bytes::BytesMut;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use wacore_binary::Node;
use wacore_binary::consts::WA_CONN_HEADER;
use wacore_binary::marshal::{marshal, unmarshal_ref};
use wacore_noise::framing::{FrameDecoder, encode_frame};

use super::noise::{Channel, Established, Step};
use super::server::stats::Stats;
use super::server::{Address, Admission, Link, Out, Server};

/// Deep enough for a whole backlog at once; the memory is taken as it is used.
const MAILBOX: usize = 8_192;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Clients ping every half minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// Nobody needs more than this before saying who they are.
const HANDSHAKE_LIMIT: usize = 64 * 1024;
/// From here on a stanza travels in the zlib form, so that clients meet both.
const ZLIB_FROM: usize = 2_048;

/// Serves a connection until one side ends it.
pub async fn serve(socket: WebSocket, server: Arc<Server>, stop: CancellationToken) {
    server.connection_opened();
    let link_id = server.next_connection();
    let (tx, mailbox) = mpsc::channel(MAILBOX);
    let mut connection = Connection {
        socket,
        decoder: FrameDecoder::new(),
        server: Arc::clone(&server),
        mailbox,
        id: link_id,
        link: Some(Link::new(link_id, tx)),
        who: Who::Stranger,
    };
    let ended = tokio::select! {
        ended = connection.run() => ended,
        () = stop.cancelled() => Ok(()),
    };
    if let Err(problem) = ended {
        tracing::debug!(connection = link_id, %problem, "connection ended");
    }
    let device = match connection.who {
        Who::Device(address) => Some(address),
        _ => None,
    };
    server.hang_up(link_id, device.as_ref());
    server.connection_closed();
}

struct Connection {
    socket: WebSocket,
    decoder: FrameDecoder,
    server: Arc<Server>,
    mailbox: mpsc::Receiver<Out>,
    id: u64,
    /// Handed to the server with the introduction. From then on it alone holds this end: when it lets go, the mailbox
    /// runs dry and the connection ends.
    link: Option<Link>,
    who: Who,
}

enum Who {
    Stranger,
    Candidate { leaves: Instant },
    Device(Address),
}

impl Connection {
    async fn run(&mut self) -> anyhow::Result<()> {
        let (established, ik) =
            timeout(HANDSHAKE_TIMEOUT, self.handshake()).await.context("no handshake in time")??;
        let mut channel = self.introduce(established, ik).await?;
        let mut idle = Instant::now() + IDLE_TIMEOUT;
        loop {
            let leaves = match &self.who {
                Who::Candidate { leaves } => *leaves,
                _ => idle,
            };
            tokio::select! {
                out = self.mailbox.recv() => match out {
                    Some(Out::Stanza(stanza)) => self.send(&mut channel, &stanza).await?,
                    Some(Out::Close) | None => return Ok(()),
                },
                frame = self.socket.recv() => {
                    idle = Instant::now() + IDLE_TIMEOUT;
                    match frame {
                        Some(Ok(Message::Binary(bytes))) => self.decoder.feed(&bytes),
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Err(error.into()),
                    }
                    while let Some(frame) = self.decoder.decode_frame() {
                        if self.server.faults().silent {
                            fall_silent(&self.server).await;
                        }
                        if !self.take(&mut channel, frame).await? {
                            return Ok(());
                        }
                    }
                }
                () = sleep_until(leaves) => match (&mut self.who, self.server.may_stay(self.id)) {
                    (Who::Candidate { leaves }, Some(left)) => *leaves = Instant::now() + left,
                    _ => return Ok(()),
                },
            }
        }
    }

    /// Reads the intro and the Noise messages.
    async fn handshake(&mut self) -> anyhow::Result<(Box<Established>, bool)> {
        let mut buffer = BytesMut::new();
        while !strip_intro(&mut buffer)? {
            buffer.extend_from_slice(&self.read_binary().await?);
            ensure!(buffer.len() <= HANDSHAKE_LIMIT, "too much before the handshake");
        }
        self.decoder.feed(&buffer);
        let hello = self.read_frame().await?;
        let (reply, step) = self.server.authority.answer(&hello)?;
        self.socket.send(Message::Binary(encode_frame(&reply, None)?.into())).await?;
        match step {
            Step::Done(established) => Ok((established, true)),
            Step::Await(awaiting) => {
                let finish = self.read_frame().await?;
                Ok((Box::new(awaiting.finish(&finish)?), false))
            }
        }
    }

    async fn read_frame(&mut self) -> anyhow::Result<BytesMut> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(frame);
            }
            let bytes = self.read_binary().await?;
            self.decoder.feed(&bytes);
            ensure!(self.decoder.buffered_len() <= HANDSHAKE_LIMIT, "an endless handshake message");
        }
    }

    async fn read_binary(&mut self) -> anyhow::Result<bytes::Bytes> {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Message::Close(_))) | None => bail!("closed during the handshake"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Decides what the other side is: a device that comes back, or one that wants to be paired.
    async fn introduce(&mut self, established: Box<Established>, ik: bool) -> anyhow::Result<Channel> {
        let link = self.link.take().context("introduced twice")?;
        if established.payload.device_pairing_data.is_set() {
            let stay = self.server.meet(link, &established)?;
            self.who = Who::Candidate { leaves: Instant::now() + stay };
            return Ok(established.channel);
        }
        match self.server.admit(link, &established, ik) {
            Admission::Welcome(address) => {
                self.who = Who::Device(address);
                Ok(established.channel)
            }
            Admission::Refused(failure) => {
                let mut channel = established.channel;
                self.send(&mut channel, &failure).await?;
                bail!("refused at login")
            }
        }
    }

    /// Handles one frame; false when the conversation is over.
    async fn take(&mut self, channel: &mut Channel, mut frame: BytesMut) -> anyhow::Result<bool> {
        channel.open(&mut frame).context("a frame that does not decrypt")?;
        let bytes = wacore_binary::util::unpack_bytes(frame)?;
        let stanza = unmarshal_ref(&bytes)?;
        self.server.stats.stanza_arrived();
        tracing::trace!(tag = %stanza.tag, "stanza");
        let answers = match &self.who {
            Who::Device(address) => self.server.handle(address, &stanza),
            _ => self.server.handle_candidate(self.id, &stanza),
        };
        for answer in answers {
            match answer {
                Out::Stanza(stanza) => self.send(channel, &stanza).await?,
                Out::Close => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn send(&mut self, channel: &mut Channel, stanza: &Node) -> anyhow::Result<()> {
        let (slow, silent) = {
            let faults = self.server.faults();
            (faults.slow_ms, faults.silent)
        };
        if silent {
            fall_silent(&self.server).await;
        }
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow)).await;
        }
        let mut plain = marshal(stanza)?;
        if plain.len() >= ZLIB_FROM {
            plain = zlib_stored(&plain);
        }
        channel.seal(&mut plain)?;
        Stats::count(&self.server.stats.stanzas_out);
        self.socket.send(Message::Binary(encode_frame(&plain, None)?.into())).await?;
        Ok(())
    }
}

/// A half-open socket: alive for the system, dead for whoever waits at the other end.
async fn fall_silent(server: &Server) {
    while server.faults().silent {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Removes the optional routing part and the version intro; false while bytes are missing.
fn strip_intro(buffer: &mut BytesMut) -> anyhow::Result<bool> {
    const ROUTING: &[u8] = &[b'E', b'D', 0, 1];
    let mut at = 0;
    if buffer.starts_with(ROUTING) {
        if buffer.len() < 7 {
            return Ok(false);
        }
        at = 7 + usize::from(buffer[4]) * 65_536 + usize::from(buffer[5]) * 256 + usize::from(buffer[6]);
        ensure!(at <= HANDSHAKE_LIMIT, "routing information without end");
    }
    if buffer.len() < at + WA_CONN_HEADER.len() {
        return Ok(false);
    }
    ensure!(buffer[at..at + WA_CONN_HEADER.len()] == WA_CONN_HEADER, "not a WhatsApp intro");
    let _ = buffer.split_to(at + WA_CONN_HEADER.len());
    Ok(true)
}

/// Packs a marshalled stanza (flag byte first) into zlib's stored form: valid for any inflater, no compressor needed.
fn zlib_stored(marshalled: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 65_535;
    let body = &marshalled[1..];
    let mut out = Vec::with_capacity(body.len() + 64);
    out.extend_from_slice(&[marshalled[0] | 2, 0x78, 0x01]);
    let mut blocks = body.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&adler32(body).to_be_bytes());
    out
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % MODULUS;
        high = (high + low) % MODULUS;
    }
    (high << 16) | low
}
