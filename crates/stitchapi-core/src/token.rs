//! Names that nobody else ever has: of whoever holds a lease, and of one state of a value.

use std::fmt;

use crate::Runtime;

macro_rules! token {
    ($(#[$doc:meta])* $token:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $token([u8; 16]);

        impl $token {
            /// A new one: 128 random bits.
            #[must_use]
            pub fn random(runtime: &dyn Runtime) -> Self {
                let [high, low] = [runtime.random(), runtime.random()].map(u64::to_be_bytes);
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&high);
                bytes[8..].copy_from_slice(&low);
                Self(bytes)
            }

            /// One that is known already.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes, as a store keeps them.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// 32 hexadecimal digits.
        impl fmt::Display for $token {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $token {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($token))
            }
        }
    };
}

token! {
    /// Who holds a lease, or waits for one: a new one for every flight and every call, the same for all that it asks of
    /// one lease.
    Owner
}

token! {
    /// One state of a [versioned](crate::Versioned) value. Made by whoever writes it and unique for all time: a counter
    /// would come back to an old number once the value was deleted or lost.
    Version
}
