//! What a test does to a world: kills, restarts, cuts, slow links, clocks.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Kill;
use crate::pattern;
use crate::process::{Life, Pid};
use crate::runtime::SimRuntime;
use crate::sim::Sim;

/// Every method that takes names of processes panics when there is none of that name.
impl Sim {
    /// The names of the processes that fit `pattern`, in order; `*` stands for any text.
    #[must_use]
    pub fn processes(&self, pattern: &str) -> Vec<String> {
        self.world.with(|state| {
            let fitting = state.processes.iter().filter(|(name, _)| pattern::matches(pattern, name));
            fitting.map(|(name, _)| name.to_string()).collect()
        })
    }

    /// Whether a process lives.
    #[must_use]
    pub fn is_alive(&self, name: &str) -> bool {
        let pid = self.pid(name);
        self.world.with(|state| state.processes.get(pid).life == Life::Alive)
    }

    /// Whether a restart of a process runs anything: whether it came from [`Sim::process`].
    pub(crate) fn can_restart(&self, name: &str) -> bool {
        let pid = self.pid(name);
        self.world.with(|state| state.processes.get(pid).boot.is_some())
    }

    /// Ends a process: its tasks are dropped, and its [`SimRuntime`]s accept nothing more. A dead process stays
    /// dead, but its machine can still lose power.
    pub fn kill(&self, name: &str, how: Kill) {
        let pid = self.pid(name);
        let remains = self.world.with(|state| state.kill(pid, how));
        drop(remains); // Runs destructors, which may use the world.
    }

    /// Kills every process whose name fits `pattern`, and says which.
    pub fn kill_matching(&self, pattern: &str, how: Kill) -> Vec<String> {
        let names = self.processes(pattern);
        names.iter().for_each(|name| self.kill(name, how));
        names
    }

    /// Starts a process again; one that is alive is killed first, as [`Kill::Process`]. Returns its new runtime.
    pub fn restart(&self, name: &str) -> SimRuntime {
        self.kill(name, Kill::Process);
        let pid = self.pid(name);
        let (incarnation, boot) =
            self.world.with(|state| (state.revive(pid), state.processes.get(pid).boot.clone()));
        let rt = SimRuntime::new(Arc::clone(&self.world), incarnation);
        if let Some(boot) = boot {
            self.start(&boot, &rt);
        }
        rt
    }

    /// Stops a process as SIGSTOP does, or a virtual machine that is moved: none of its tasks and jobs run, while
    /// its kernel goes on accepting connections and bytes. Time passes for it all the same.
    pub fn pause(&self, name: &str) {
        let pid = self.pid(name);
        self.world.with(|state| state.pause(pid));
    }

    /// Lets a paused process go on.
    pub fn resume(&self, name: &str) {
        let pid = self.pid(name);
        let woken = self.world.with(|state| state.resume(pid));
        self.world.ready.put_back(woken);
    }

    /// Lets nothing through between two processes. Connections stay: what is sent on them is held until
    /// [`heal`](Sim::heal), or times its writer out after [`SimConfig::stall_limit`](crate::SimConfig).
    pub fn cut(&self, a: &str, b: &str) {
        self.cut_oneway(a, b);
        self.cut_oneway(b, a);
    }

    /// Lets nothing through from one process to the other.
    pub fn cut_oneway(&self, from: &str, to: &str) {
        let (from, to) = (self.pid(from), self.pid(to));
        self.world.with(|state| state.cut(from, to));
    }

    /// Undoes cuts between two processes, in both directions.
    pub fn heal(&self, a: &str, b: &str) {
        let (a, b) = (self.pid(a), self.pid(b));
        self.world.with(|state| {
            state.heal(a, b);
            state.heal(b, a);
        });
    }

    /// Undoes all cuts and gives all links their default speed. The dead stay dead.
    pub fn heal_links(&self) {
        self.world.with(|state| {
            for (from, to) in state.net.cuts() {
                state.heal(from, to);
            }
            state.net.restore_speeds();
        });
    }

    /// Undoes all cuts and pauses, gives all links their default speed, and restarts what is dead and can be
    /// booted.
    pub fn heal_all(&self) {
        self.heal_links();
        for name in self.processes("*") {
            self.resume(&name);
        }
        let dead: Vec<String> = self.world.with(|state| {
            let all = state.processes.iter().map(|(name, pid)| (name, state.processes.get(pid)));
            let dead = all.filter(|(_, process)| process.life != Life::Alive && process.boot.is_some());
            dead.map(|(name, _)| name.to_string()).collect()
        });
        for name in dead {
            self.restart(&name);
        }
    }

    /// Resets every connection between two processes, as a middlebox that loses its state does.
    pub fn reset_between(&self, a: &str, b: &str) {
        let (a, b) = (self.pid(a), self.pid(b));
        self.world.with(|state| state.reset_between(a, b));
    }

    fn both_ways(&self, a: &str, b: &str) -> [(Pid, Pid); 2] {
        let (a, b) = (self.pid(a), self.pid(b));
        [(a, b), (b, a)]
    }

    /// Sets the latency between two processes, in both directions.
    pub fn slow_link(&self, a: &str, b: &str, latency: RangeInclusive<Duration>) {
        for (from, to) in self.both_ways(a, b) {
            self.world.with(|state| state.net.link(from, to).latency = Some(latency.clone()));
        }
    }

    /// Sets how many bytes per second get from one process to the other, in each direction.
    pub fn limit_link(&self, a: &str, b: &str, bytes_per_s: u64) {
        for (from, to) in self.both_ways(a, b) {
            self.world.with(|state| state.net.link(from, to).bandwidth_bytes_per_s = Some(bytes_per_s));
        }
    }

    /// Gives the link between two processes the default latency and bandwidth again.
    pub fn restore_link(&self, a: &str, b: &str) {
        for (from, to) in self.both_ways(a, b) {
            self.world.with(|state| state.net.link(from, to).restore_speed());
        }
    }

    /// Shifts both clocks of a process. For the beginning of a run: a monotonic clock does not jump.
    pub fn skew(&self, name: &str, offset_ns: i64) {
        let pid = self.pid(name);
        self.world.with(|state| {
            let clock = &mut state.processes.get_mut(pid).clock;
            (clock.monotonic_ns, clock.wall_ns) = (offset_ns, offset_ns);
        });
    }

    /// Sets how far the wall clock of a process is off, as a step of NTP does. Its monotonic clock goes on.
    pub fn jump_wall_clock(&self, name: &str, offset_ns: i64) {
        let pid = self.pid(name);
        self.world.with(|state| state.processes.get_mut(pid).clock.wall_ns = offset_ns);
    }
}
