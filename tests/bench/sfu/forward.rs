//! The floor: a bare UDP forwarder in a process of its own, without cryptography, jitter or words.
//!
//! Its standard input is one line of JSON, the [`Task`]; it answers with one line, the address that it listens
//! at, and forwards until it is ended.

use std::collections::HashMap;
use std::io::{IoSliceMut, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use serde::{Deserialize, Serialize};

use crate::plain::flow_of;

const BUFFER_BYTES: usize = 65_535;
/// How many receive buffers one call fills.
const BATCH: usize = 16;
/// The most that one call sends.
const RUN_BYTES_MAX: usize = 60_000;

/// What is to be forwarded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) ip: IpAddr,
    /// Runs of datagrams of equal size are handed to the kernel in one call.
    pub(crate) is_gathering: bool,
    /// The receivers of each flow, by its number.
    pub(crate) routes: Vec<Vec<SocketAddr>>,
}

/// Carries out the task that standard input names; returns only with an error.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the task")?;
    let task: Task = serde_json::from_str(&line).context("the task cannot be read")?;
    let socket = UdpSocket::bind(SocketAddr::new(task.ip, 0)).context("no free UDP port")?;
    let address = socket.local_addr().context("a socket without an address")?;
    writeln!(std::io::stdout(), "{address}").context("nobody listens")?;
    if task.is_gathering { Gathering::new(socket, &task)?.run() } else { one_by_one(&socket, &task) }
}

/// The plainest of all: a call for each datagram received, and a call for each sent.
fn one_by_one(socket: &UdpSocket, task: &Task) -> anyhow::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let (length, _) = socket.recv_from(&mut buffer).context("cannot receive")?;
        let contents = &buffer[..length];
        for to in receivers(task, contents) {
            // Lost on a full buffer, as on any network.
            drop(socket.send_to(contents, to));
        }
    }
}

fn receivers<'a>(task: &'a Task, contents: &[u8]) -> &'a [SocketAddr] {
    let flow = flow_of(contents).and_then(|flow| task.routes.get(flow as usize));
    flow.map_or(&[], Vec::as_slice)
}

/// Takes what waits, and sends it by receiver, in runs.
struct Gathering<'a> {
    task: &'a Task,
    poll: Poll,
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<u8>,
    /// What each receiver is to be sent.
    queues: HashMap<SocketAddr, Vec<Vec<u8>>>,
}

impl<'a> Gathering<'a> {
    fn new(socket: UdpSocket, task: &'a Task) -> anyhow::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).context("no batches here")?;
        let poll = Poll::new().context("cannot make an epoll instance")?;
        let buffers = vec![0; BATCH * BUFFER_BYTES];
        Ok(Self { task, poll, socket, state, buffers, queues: HashMap::new() })
    }

    fn run(mut self) -> anyhow::Result<()> {
        let copy = self.socket.try_clone().context("cannot share a socket")?;
        let mut source = mio::net::UdpSocket::from_std(copy);
        self.poll.registry().register(&mut source, Token(0), Interest::READABLE).context("no epoll")?;
        let mut events = Events::with_capacity(4);
        loop {
            // Interrupted by a signal: look again.
            drop(self.poll.poll(&mut events, None));
            while self.gather() {
                self.flush();
            }
        }
    }

    /// Returns whether there was something.
    fn gather(&mut self) -> bool {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices: Vec<_> = self.buffers.chunks_mut(BUFFER_BYTES).map(IoSliceMut::new).collect();
        let received = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas);
        let count = received.unwrap_or(0);
        for (meta, slice) in metas.iter().zip(&slices).take(count) {
            for contents in slice[..meta.len].chunks(meta.stride.max(1)) {
                for to in receivers(self.task, contents) {
                    self.queues.entry(*to).or_default().push(contents.to_vec());
                }
            }
        }
        count > 0
    }

    fn flush(&mut self) {
        let segments_max = self.state.max_gso_segments();
        for (to, queue) in &mut self.queues {
            for run in runs(queue, segments_max) {
                let contents = run.concat();
                let segment_size = (run.len() > 1).then(|| run[0].len());
                let transmit =
                    Transmit { destination: *to, ecn: None, contents: &contents, segment_size, src_ip: None };
                // Lost on a full buffer, as on any network.
                drop(self.state.try_send(UdpSockRef::from(&self.socket), &transmit));
            }
            queue.clear();
        }
    }
}

/// Cuts a queue into runs of equal size, the last of each perhaps shorter.
fn runs(queue: &[Vec<u8>], segments_max: usize) -> Vec<&[Vec<u8>]> {
    let mut runs = Vec::new();
    let mut rest = queue;
    while let Some(first) = rest.first() {
        let most = segments_max.min(RUN_BYTES_MAX / first.len().max(1)).max(1);
        let equal = rest.iter().take(most).take_while(|one| one.len() == first.len()).count();
        let shorter = rest.get(equal).is_some_and(|one| equal < most && one.len() < first.len());
        let (run, after) = rest.split_at(equal + usize::from(shorter));
        runs.push(run);
        rest = after;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(sizes: &[usize], segments_max: usize) -> Vec<Vec<usize>> {
        let queue: Vec<_> = sizes.iter().map(|size| vec![0; *size]).collect();
        let of_run = |run: &[Vec<u8>]| run.iter().map(Vec::len).collect();
        runs(&queue, segments_max).into_iter().map(of_run).collect()
    }

    #[test]
    fn a_run_is_of_equal_sizes_and_may_end_with_a_shorter_one() {
        let cut = lengths(&[9, 9, 4, 4, 9, 5, 7], 64);
        assert_eq!(cut, [vec![9, 9, 4], vec![4], vec![9, 5], vec![7]]);
    }

    #[test]
    fn a_run_is_no_longer_than_the_kernel_takes() {
        assert_eq!(lengths(&[9, 9, 9, 4], 2), [vec![9, 9], vec![9, 4]]);
        assert_eq!(lengths(&[9, 9, 9], 1), [[9], [9], [9]]);
        assert_eq!(lengths(&[25_000, 25_000, 100], 64), [vec![25_000, 25_000], vec![100]]);
    }
}
