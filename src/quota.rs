//! Quotas: how much of a limited resource each network may hold (connections, large bodies, whole listings, sessions), and
//! who gives way when all of it is held.
//!
//! One principle for all: **a share protects, what is beyond the share does not.** Holders are counted by network
//! ([`Peer::sharers`]); one network may hold its share at most. While a part of the resource is free, a newcomer
//! gets it. When none is, the network that holds most gives way first, with its least useful part. Some of each resource is
//! kept for the machine itself, since a proxy there stands for many clients: no network can lock it out.
//!
//! Pure: the holders are listed anew for each decision, and time is in what the list says of each.

use crate::limits::HOLDINGS;
use crate::peer::Peer;
use heapless::Vec;

/// How much of a resource each network may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    /// How much there is.
    total: usize,
    /// How much of it one network may hold.
    share: usize,
    /// How much of it the machine itself may hold.
    local: usize,
    /// How much is kept for the machine itself: all networks together may hold the rest.
    kept: usize,
}

/// How useful it is that a holder goes on to hold what it has, the least useful last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// It is in use: nobody gets it.
    Busy,
    /// It has been in use for so long that only its network's share protects it: a newcomer gets it whose network holds at
    /// least two fewer.
    Spent,
    /// The daemon waits for its holder: a newcomer of the same network gets it, or of one that holds fewer.
    Stalled,
    /// Nobody misses it: any newcomer gets it.
    Idle,
}

/// One part of a resource that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    /// The caller's name for it.
    pub(crate) key: usize,
    /// Who has it.
    pub(crate) peer: Peer,
    /// What it is worth.
    pub(crate) worth: Worth,
    /// For how long it has been of no use, in milliseconds: decides among holdings that are worth the same.
    pub(crate) useless_ms: u64,
}

/// What comes of a request for a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// One is free.
    Free,
    /// One becomes free when the holding with this key is ended.
    Evict(usize),
    /// There is none yet.
    Wait,
}

/// All that is held of one resource.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Each holding, with how much its network holds in all.
    all: Vec<(Holding, usize), HOLDINGS>,
    networks: usize,
}

impl Holdings {
    /// Lists one more: at most [`HOLDINGS`], which is no less than there is of anything.
    pub(crate) fn add(&mut self, mut holding: Holding) {
        holding.peer = holding.peer.sharers();
        let mut held = 1;
        for (other, of_network) in &mut self.all {
            if other.peer == holding.peer {
                *of_network += 1;
                held = *of_network;
            }
        }
        self.networks += usize::from(held == 1);
        // There is room; the constants in limits.rs are compared when the program is compiled.
        let _ = self.all.push((holding, held));
    }

    /// How much is held in all.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many networks hold it.
    pub(crate) fn networks(&self) -> usize {
        self.networks
    }

    /// How much the peer's network holds.
    pub(crate) fn held(&self, peer: Peer) -> usize {
        let sharers = peer.sharers();
        self.all.iter().find(|(holding, _)| holding.peer == sharers).map_or(0, |(_, held)| *held)
    }

    /// The weight of that when networks are compared: see [`weigh`].
    pub(crate) fn weight(&self, peer: Peer) -> usize {
        weigh(peer, self.held(peer))
    }
}

/// The weight of what the peer's network holds, when networks are compared. Behind an address of the machine itself are many
/// clients, so the machine counts as [`LOCAL_NETWORKS`] networks that share it evenly.
fn weigh(peer: Peer, held: usize) -> usize {
    if peer.is_local() { held.div_ceil(LOCAL_NETWORKS) } else { held }
}

/// Networks that the machine itself counts for.
const LOCAL_NETWORKS: usize = 4;

impl Quota {
    /// A quota of `total`, of which one network may hold `share`. The machine itself may hold three quarters, and an eighth,
    /// but one at least, is kept for it; of a single one nothing is.
    pub(crate) const fn new(total: usize, share: usize) -> Self {
        let quarter = if total < 8 { 1 } else { total / 4 };
        let kept = if total < 16 { 1 } else { total / 8 };
        match total {
            0 | 1 => Quota { total, share: total, local: total, kept: 0 },
            _ => Quota { total, share, local: total - quarter, kept },
        }
    }

    /// How much the peer's network may hold.
    fn share(&self, peer: Peer) -> usize {
        if peer.is_local() { self.local } else { self.share }
    }

    /// Decides whether `newcomer` gets a part of the resource, and who gives way if need be.
    pub(crate) fn decide(&self, holdings: &Holdings, newcomer: Peer) -> Verdict {
        let (sharers, held) = (newcomer.sharers(), holdings.held(newcomer));
        let mine = weigh(newcomer, held);
        let remote = holdings.all.iter().filter(|(holding, _)| !holding.peer.is_local()).count();
        let mine_is_full = held >= self.share(newcomer);
        let remote_is_full = !newcomer.is_local() && remote >= self.total - self.kept;
        if !mine_is_full && !remote_is_full && holdings.all.len() < self.total {
            return Verdict::Free;
        }
        let mut least = None;
        for (holding, held) in &holdings.all {
            let theirs = weigh(holding.peer, *held);
            let same = holding.peer == sharers;
            let counts = if mine_is_full { same } else { !remote_is_full || !holding.peer.is_local() };
            let gives_way = match holding.worth {
                Worth::Idle => true,
                Worth::Stalled => same || theirs > mine,
                Worth::Spent => theirs >= mine + 2,
                Worth::Busy => false,
            };
            let rank = (theirs, holding.worth, holding.useless_ms);
            if counts && gives_way && least.is_none_or(|(least, _)| rank >= least) {
                least = Some((rank, holding.key));
            }
        }
        least.map_or(Verdict::Wait, |(_, key)| Verdict::Evict(key))
    }
}

/// Whose turn it is of newcomers that wait. The network that holds least comes first, and among networks that hold the same the
/// newcomer that has waited longest. Newcomers that have to go on waiting are passed over.
pub(crate) struct Turn<'a> {
    quota: &'a Quota,
    holdings: &'a Holdings,
    /// What the network of the first so far holds, and since when that newcomer has waited, in milliseconds.
    rank: (usize, u64),
    first: Option<(usize, Verdict)>,
}

impl<'a> Turn<'a> {
    /// Nobody waits yet.
    pub(crate) fn new(quota: &'a Quota, holdings: &'a Holdings) -> Self {
        Turn { quota, holdings, rank: (usize::MAX, u64::MAX), first: None }
    }

    /// One more waits: the caller's key for it, and since when it has waited, in milliseconds.
    pub(crate) fn add(&mut self, key: usize, peer: Peer, since_ms: u64) {
        let rank = (self.holdings.weight(peer), since_ms);
        if rank < self.rank {
            match self.quota.decide(self.holdings, peer) {
                Verdict::Wait => {}
                verdict => (self.rank, self.first) = (rank, Some((key, verdict))),
            }
        }
    }

    /// The key of the newcomer whose turn it is, and the verdict on it.
    pub(crate) fn first(&self) -> Option<(usize, Verdict)> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota::new(16, 8);

    fn host(n: u8) -> Peer {
        Peer::new(core::net::IpAddr::from([192, 0, 2, n]))
    }

    /// Holdings of these networks: how many of each, what they are worth, and for how long useless.
    fn holdings(of: &[(Peer, usize, Worth, u64)]) -> Holdings {
        let mut all = Holdings::default();
        for &(peer, count, worth, useless_ms) in of {
            (0..count).for_each(|_| all.add(Holding { key: useless_ms as usize, peer, worth, useless_ms }));
        }
        all
    }

    #[test]
    fn a_network_gets_its_share_and_some_is_kept_for_the_machine() {
        let local = Peer::new("127.0.0.2".parse().unwrap());
        for (held, remote, own) in [
            (vec![(host(1), 7)], Verdict::Free, Verdict::Free),
            (vec![(host(1), 8)], Verdict::Free, Verdict::Free),
            // An eighth is kept.
            (vec![(host(1), 8), (host(2), 5)], Verdict::Free, Verdict::Free),
            (vec![(host(1), 8), (host(2), 6)], Verdict::Wait, Verdict::Free),
            (vec![(host(1), 8), (host(2), 6), (Peer::Unix, 2)], Verdict::Wait, Verdict::Wait),
            (vec![(Peer::Unix, 11)], Verdict::Free, Verdict::Free),
            (vec![(Peer::Unix, 12)], Verdict::Free, Verdict::Wait),
        ] {
            let of: Vec<_, 8> = held.iter().map(|&(peer, count)| (peer, count, Worth::Busy, 0)).collect();
            let holdings = holdings(&of);
            assert_eq!(QUOTA.decide(&holdings, host(9)), remote, "{held:?}");
            assert_eq!(QUOTA.decide(&holdings, local), own, "{held:?}");
        }
        let full = holdings(&[(host(1), 8, Worth::Busy, 0)]);
        assert_eq!(QUOTA.decide(&full, host(1)), Verdict::Wait, "its share is used up");
    }

    #[test]
    fn who_holds_most_gives_way_and_of_theirs_what_is_least_useful() {
        use Worth::{Busy, Idle, Spent, Stalled};
        let (a, b, new) = (host(1), host(2), host(3));
        for (of, who, verdict) in [
            // Nobody is in the way of who has a share left.
            ([(a, 8, Busy, 1), (b, 6, Busy, 2), (b, 0, Busy, 3)], new, Verdict::Wait),
            ([(a, 7, Busy, 1), (a, 1, Spent, 2), (b, 6, Spent, 3)], new, Verdict::Evict(2)),
            ([(a, 7, Spent, 9), (a, 1, Stalled, 2), (b, 6, Idle, 3)], new, Verdict::Evict(2)),
            ([(a, 7, Spent, 1), (a, 1, Spent, 2), (b, 6, Idle, 3)], new, Verdict::Evict(2)),
            ([(a, 8, Busy, 1), (b, 5, Busy, 9), (b, 1, Idle, 3)], new, Verdict::Evict(3)),
            // A share protects: 8 and 6 are 7 and 7 then, and no more than that.
            ([(a, 8, Spent, 1), (b, 6, Spent, 2), (b, 0, Busy, 3)], b, Verdict::Evict(1)),
            ([(a, 7, Spent, 1), (b, 7, Spent, 2), (b, 0, Busy, 3)], b, Verdict::Wait),
            ([(a, 7, Stalled, 1), (b, 6, Spent, 2), (b, 1, Busy, 3)], b, Verdict::Wait),
            // Who has its share gets only what is its own.
            ([(a, 7, Busy, 1), (a, 1, Stalled, 2), (b, 6, Idle, 3)], a, Verdict::Evict(2)),
            ([(a, 7, Spent, 1), (a, 1, Busy, 2), (b, 6, Idle, 3)], a, Verdict::Wait),
            // What the machine itself holds is of no help to a network while the networks hold too much.
            ([(a, 8, Busy, 1), (b, 6, Busy, 2), (Peer::Unix, 2, Idle, 3)], new, Verdict::Wait),
            ([(a, 8, Busy, 1), (b, 4, Busy, 2), (Peer::Unix, 4, Spent, 3)], new, Verdict::Wait),
            ([(a, 3, Busy, 1), (b, 3, Busy, 2), (Peer::Unix, 10, Spent, 3)], new, Verdict::Evict(3)),
            ([(a, 4, Spent, 1), (b, 3, Busy, 2), (Peer::Unix, 9, Spent, 3)], Peer::Unix, Verdict::Wait),
            ([(a, 5, Spent, 1), (b, 3, Busy, 2), (Peer::Unix, 8, Spent, 3)], Peer::Unix, Verdict::Evict(1)),
        ] {
            assert_eq!(QUOTA.decide(&holdings(&of), who), verdict, "{of:?}");
        }
    }

    #[test]
    fn whose_network_holds_fewest_is_next() {
        let held = holdings(&[(host(1), 8, Worth::Busy, 0), (host(2), 5, Worth::Busy, 0)]);
        let waiting = [(1, host(1), 0), (2, host(2), 1), (3, host(3), 7), (4, host(4), 6), (5, host(4), 9)];
        let next = |of: &[(usize, Peer, u64)]| {
            let mut turn = Turn::new(&QUOTA, &held);
            of.iter().for_each(|&(key, peer, since_ms)| turn.add(key, peer, since_ms));
            turn.first()
        };
        assert_eq!(next(&waiting), Some((4, Verdict::Free)));
        assert_eq!(next(&waiting[..2]), Some((2, Verdict::Free)), "the first has its share");
        assert_eq!(next(&waiting[..1]), None);
    }
}
