//! Random identifiers of 128 bits: [`Owner`] for the owner of a lease, [`Version`] for one version of a value.

use std::fmt;

use crate::Runtime;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Creates a new identifier from 128 random bits of `runtime`.
            #[must_use]
            pub fn random(runtime: &dyn Runtime) -> Self {
                let [high, low] = [runtime.random(), runtime.random()].map(u64::to_be_bytes);
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&high);
                bytes[8..].copy_from_slice(&low);
                Self(bytes)
            }

            /// Creates the identifier with these bytes, for example the bytes that a store has kept.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes that a store keeps.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// Writes 32 hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

identifier! {
    /// Identifier of a lease holder or waiter.
    ///
    /// A holder or waiter creates its owner at random and uses it in every operation on that lease, so that the store
    /// recognises a repeated operation.
    ///
    /// ```
    /// use stitchapi_core::Owner;
    ///
    /// let owner = Owner::from_bytes([0xab; 16]);
    /// assert_eq!(owner.to_string(), "ab".repeat(16));
    /// ```
    Owner
}

identifier! {
    /// Version of a [versioned](crate::Versioned) value.
    ///
    /// The writer creates it at random, so that no two writes ever share a version. A counter would return to an old
    /// number after the value was deleted or lost.
    ///
    /// ```
    /// use stitchapi_core::Version;
    ///
    /// let stored = Version::from_bytes([1; 16]);
    /// assert_eq!(Version::from_bytes(*stored.as_bytes()), stored);
    /// ```
    Version
}
