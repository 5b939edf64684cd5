//! How the one task that serves a queue is started, woken, and ended.

use std::task::Waker;

/// Whether the task is there, and how it is woken.
#[derive(Debug, Default)]
pub(super) struct Bell {
    is_attended: bool,
    waker: Option<Waker>,
    has_rung: bool,
}

impl Bell {
    /// Whether the task is there.
    pub(super) fn is_attended(&self) -> bool {
        self.is_attended
    }

    /// The task is to be there; whether it was not.
    pub(super) fn attend(&mut self) -> bool {
        !std::mem::replace(&mut self.is_attended, true)
    }

    /// The task is gone.
    pub(super) fn leave(&mut self) {
        self.is_attended = false;
        self.waker = None;
    }

    /// Something has changed that the task should look at: its waker, if it sleeps.
    pub(super) fn ring(&mut self) -> Option<Waker> {
        self.has_rung = true;
        self.waker.take()
    }

    /// The task looks now.
    pub(super) fn is_answered(&mut self) {
        self.has_rung = false;
    }

    /// Whether it has rung since the task looked; if not, `waker` is kept for when it does.
    pub(super) fn listen(&mut self, waker: &Waker) -> bool {
        if !self.has_rung {
            self.waker = Some(waker.clone());
        }
        self.has_rung
    }
}
