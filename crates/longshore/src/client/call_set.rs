//! One call or many, in the shape they come in.
use super::Session;
use crate::call::Call;
use crate::future::TaskFuture;
use std::sync::Arc;

/// A call, or a `Vec`, an array or a tuple of calls.
pub trait CallSet {
    /// The futures, in the same shape.
    type Futures;
    /// Calls whose results are on the cluster, in the same shape.
    type Persisted;
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn submit_to(self, session: &Arc<Session>) -> Self::Futures;
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn persist_on(self, session: &Arc<Session>) -> Self::Persisted;
}

#[allow(private_interfaces)]
impl<T> CallSet for Call<T> {
    type Futures = TaskFuture<T>;
    type Persisted = Call<T>;

    fn submit_to(self, session: &Arc<Session>) -> TaskFuture<T> {
        TaskFuture::new(session.submit(self.into_body()))
    }

    fn persist_on(self, session: &Arc<Session>) -> Call<T> {
        Call::held(session.submit(self.into_body()))
    }
}

#[allow(private_interfaces)]
impl<C: CallSet> CallSet for Vec<C> {
    type Futures = Vec<C::Futures>;
    type Persisted = Vec<C::Persisted>;

    fn submit_to(self, session: &Arc<Session>) -> Self::Futures {
        self.into_iter().map(|call| call.submit_to(session)).collect()
    }

    fn persist_on(self, session: &Arc<Session>) -> Self::Persisted {
        self.into_iter().map(|call| call.persist_on(session)).collect()
    }
}

#[allow(private_interfaces)]
impl<C: CallSet, const N: usize> CallSet for [C; N] {
    type Futures = [C::Futures; N];
    type Persisted = [C::Persisted; N];

    fn submit_to(self, session: &Arc<Session>) -> Self::Futures {
        self.map(|call| call.submit_to(session))
    }

    fn persist_on(self, session: &Arc<Session>) -> Self::Persisted {
        self.map(|call| call.persist_on(session))
    }
}

macro_rules! tuples {
    ($(($($C:ident $call:ident),+))*) => {$(
        #[allow(private_interfaces)]
        impl<$($C: CallSet),+> CallSet for ($($C,)+) {
            type Futures = ($($C::Futures,)+);
            type Persisted = ($($C::Persisted,)+);

            fn submit_to(self, session: &Arc<Session>) -> Self::Futures {
                let ($($call,)+) = self;
                ($($call.submit_to(session),)+)
            }

            fn persist_on(self, session: &Arc<Session>) -> Self::Persisted {
                let ($($call,)+) = self;
                ($($call.persist_on(session),)+)
            }
        }
    )*};
}

tuples! {
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
}
