//! Answers by question: each is asked once, however many ask at the same time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::OnceCell;

pub(super) struct Once<K, V>(RefCell<BTreeMap<K, Rc<OnceCell<V>>>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Ord + Clone, V: Clone> Once<K, V> {
    /// The answer; who comes while it is asked for waits for the same.
    pub async fn get(&self, key: &K, ask: impl AsyncFnOnce() -> V) -> V {
        let cell = self.0.borrow_mut().entry(key.clone()).or_default().clone();
        cell.get_or_init(async || ask().await).await.clone()
    }

    /// `None` as long as there is no answer.
    pub fn known(&self, key: &K) -> Option<V> {
        self.0.borrow().get(key)?.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn who_asks_at_the_same_time_shares_one_answer() {
        let (once, asked) = (Once::default(), Cell::new(0));
        let answers = join_all((0..5).map(async |index| {
            let ask = async || {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                asked.get()
            };
            once.get(if index < 4 { &"a" } else { &"b" }, ask).await
        }));
        answers.await;
        assert_eq!(asked.get(), 2, "one for each question");
        assert!(once.known(&"a").is_some() && once.known(&"c").is_none());
    }
}
