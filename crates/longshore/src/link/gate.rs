//! A waker that remembers whether it fired.
//!
//! A role's turn polls its link for many reasons. Without memory, each poll would ask the kernel about a socket that
//! was found empty (or full) before and has not woken anybody since. Deliberately absent: more than one waiting task.
use atomic_waker::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

#[derive(Default)]
struct Memory {
    fired: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Memory {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// One direction of one socket.
pub(super) struct Gate {
    memory: Arc<Memory>,
    waker: Waker,
    /// The socket said `WouldBlock` and holds `waker`.
    waiting: bool,
}

impl Gate {
    pub(super) fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let waker = Waker::from(memory.clone());
        Gate { memory, waker, waiting: false }
    }

    /// Has `cx` woken when the gate fires, and says whether it is worth asking the socket now.
    pub(super) fn pass(&mut self, cx: &Context<'_>) -> bool {
        self.memory.task.register(cx.waker());
        if self.waiting && !self.memory.fired.load(Ordering::Acquire) {
            return false;
        }
        self.waiting = false;
        true
    }

    /// The waker to give to the socket. Forgets what fired before, so use it at once.
    pub(super) fn arm(&self) -> &Waker {
        self.memory.fired.store(false, Ordering::Release);
        &self.waker
    }

    /// The socket would block: further asking is of no use before the gate fires.
    pub(super) fn wait(&mut self) {
        self.waiting = true;
    }

    /// Asking is worth it again.
    pub(super) fn open(&mut self) {
        self.waiting = false;
    }
}
