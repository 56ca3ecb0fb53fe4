//! Answers by question: each question is asked once, however many need it at the same time.

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
    /// The answer; whoever needs it while it is under way waits for the same one.
    pub async fn get(&self, key: &K, ask: impl AsyncFnOnce() -> V) -> V {
        let cell = self.0.borrow_mut().entry(key.clone()).or_default().clone();
        cell.get_or_init(async || ask().await).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_share_one_answer() {
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
    }
}
