//! How a client's life ends, and the commands that end it.

use super::error::Error;
use super::owner::{Next, Owner, Running};
use super::registry::{Command, Reply};
use super::running::Life;
use crate::domain::session::{PairBy, Refusal, SessionEvent, SessionState};

/// How a client's life ends.
pub(super) enum End {
    Next(Next),
    /// Restarted at once, for codes this connection cannot give.
    Again(PairBy),
    Stopped(Reply<()>),
    Forgotten(Reply<Result<(), Error>>),
    /// The phone or WhatsApp removed the device: its keys are worth nothing.
    LoggedOut(String),
    /// The lease is lost: nothing more may be written.
    Abandoned(Reply<()>),
    Halted,
}

impl Owner {
    pub(super) async fn obey(&mut self, life: &mut Life, command: Command) -> Option<End> {
        match command {
            Command::Pair(by, reply) => {
                let _ = reply.send(Ok(()));
                return self.pair_again(life, by).await;
            }
            Command::CancelPairing(reply) if life.pairing.is_some() => {
                self.tell_state(SessionState::Unpaired, "cancelled", None).await;
                return Some(End::Stopped(reply));
            }
            Command::CancelPairing(reply) => {
                let _ = reply.send(());
            }
            Command::Restore(reply) => {
                let _ = reply.send(if life.pairing.is_some() { Err(Error::NotPaired) } else { Ok(()) });
            }
            Command::Stop(reply) => {
                self.hear_out(life).await;
                return Some(End::Stopped(reply));
            }
            Command::Logout(reply) => return Some(End::Forgotten(reply)),
            Command::Abandon(reply) => return Some(End::Abandoned(reply)),
            Command::Revive if life.running.client.persistence_manager().is_saver_halted() => {
                return Some(End::Halted);
            }
            // Said of a client that is gone.
            Command::Revive => {}
        }
        None
    }

    /// Someone asks to link while a linking is under way, or done.
    async fn pair_again(&mut self, life: &mut Life, by: PairBy) -> Option<End> {
        let Some(pairing) = life.pairing.as_mut() else {
            let state = self.status.state();
            self.tell(SessionEvent::State { state, reason: String::new(), until: None }).await;
            return None;
        };
        match by {
            PairBy::Qr if !pairing.has_qr() => return Some(End::Again(PairBy::Qr)),
            PairBy::Qr => {
                if let Some(picture) = pairing.picture() {
                    self.tell(picture).await;
                }
            }
            PairBy::Code(phone) => {
                if let Some(code) = pairing.given_code(&phone, self.context.clock.now()) {
                    self.tell(code).await;
                    return None;
                }
                pairing.asked_by_number(phone.clone());
                if !pairing.has_qr() {
                    // The last code's end must not cut the new one off.
                    life.wait(self.context.settings.pace.patience * 3);
                }
                life.ask_code(phone, self.context.settings.pace.patience);
            }
        }
        None
    }

    /// Shuts the client down and says what comes after it.
    pub(super) async fn end(&mut self, running: Running, end: End) -> Next {
        match end {
            End::Next(next) => {
                self.close(running).await;
                next
            }
            End::Again(by) => {
                let lease = running.store.lease().clone();
                self.close(running).await;
                match self.open(lease).await {
                    Ok(running) => Next::Run(Box::new(running), Some(by)),
                    Err(error) => {
                        let why = error.to_string();
                        self.refused(Refusal::Unreachable, &why).await;
                        Next::Leave
                    }
                }
            }
            End::Stopped(reply) => {
                self.close(running).await;
                // Whoever hears the answer may have another node take it up.
                self.let_go().await;
                let _ = reply.send(());
                Next::Leave
            }
            End::Forgotten(reply) => {
                if running.client.is_logged_in() {
                    let goodbye = self.context.settings.pace.goodbye;
                    let _ = tokio::time::timeout(goodbye, running.client.logout()).await;
                }
                self.close(running).await;
                let _ = reply.send(self.forget("unlinked here").await);
                Next::Leave
            }
            End::LoggedOut(reason) => {
                self.close(running).await;
                self.bury(&reason).await;
                Next::Leave
            }
            End::Abandoned(reply) => {
                self.lose();
                running.store.shut().await;
                self.close(running).await;
                let _ = reply.send(());
                Next::Leave
            }
            End::Halted => {
                self.tell_state(SessionState::Halted, "keys could not be saved", None).await;
                self.close(running).await;
                Next::Build
            }
        }
    }

    /// Destroys the keys of a device that was removed. If they cannot be destroyed now, the next start is told again that the
    /// device was removed, and comes here again.
    async fn bury(&mut self, reason: &str) {
        const TRIES: u32 = 5;
        for _ in 0..TRIES {
            let Some(lease) = &self.lease else { return };
            match self.context.vault.wipe(lease).await {
                Ok(()) => break,
                Err(_) if self.context.registry.is_closing() => break,
                Err(error) => {
                    tracing::warn!(tenant.id = %self.tenant, error = %error, "the keys of a removed device could not be destroyed yet");
                    tokio::time::sleep_until(self.next_try()).await;
                }
            }
        }
        self.tell_state(SessionState::LoggedOut, reason, None).await;
    }
}
