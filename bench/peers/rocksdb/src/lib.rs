//! The part of RocksDB's API that `limitador` 0.14 uses, without an implementation.
//!
//! The Redis storage of `limitador` calls functions that are compiled only with its disk storage. The real RocksDB is C++
//! and takes longer to build than the rest of the benchmarks. `open` always fails.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

pub type DB = DBWithThreadMode<MultiThreaded>;

pub struct MultiThreaded;

pub struct DBWithThreadMode<T> {
    never: Infallible,
    mode: PhantomData<T>,
}

type Entry = Result<(Box<[u8]>, Box<[u8]>), Error>;

impl<T> DBWithThreadMode<T> {
    pub fn open(_: &Options, _: impl AsRef<Path>) -> Result<Self, Error> {
        Err(Error)
    }
    pub fn get(&self, _: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        match self.never {}
    }
    pub fn delete(&self, _: impl AsRef<[u8]>) -> Result<(), Error> {
        match self.never {}
    }
    pub fn merge(&self, _: impl AsRef<[u8]>, _: impl AsRef<[u8]>) -> Result<(), Error> {
        match self.never {}
    }
    pub fn iterator(&self, _: IteratorMode) -> std::vec::IntoIter<Entry> {
        match self.never {}
    }
    pub fn prefix_iterator(&self, _: impl AsRef<[u8]>) -> std::vec::IntoIter<Entry> {
        match self.never {}
    }
}

#[derive(Default)]
pub struct Options;

impl Options {
    pub fn set_compression_type(&mut self, _: DBCompressionType) {}
    pub fn set_compaction_filter(&mut self, _: &str, _: impl Fn(u32, &[u8], &[u8]) -> CompactionDecision) {}
    pub fn set_merge_operator_associative(
        &mut self,
        _: &str,
        _: impl Fn(&[u8], Option<&[u8]>, &MergeOperands) -> Option<Vec<u8>>,
    ) {
    }
    pub fn create_if_missing(&mut self, _: bool) {}
}

pub struct MergeOperands;

impl<'a> IntoIterator for &'a MergeOperands {
    type Item = &'a [u8];
    type IntoIter = std::iter::Empty<&'a [u8]>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::empty()
    }
}

pub enum CompactionDecision {
    Keep,
    Remove,
}

pub enum DBCompressionType {
    Bz2,
    None,
}

pub enum IteratorMode {
    Start,
}

#[derive(Debug)]
pub struct Error;

impl Error {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unknown
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum ErrorKind {
    TimedOut,
    TryAgain,
    Unknown,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RocksDB is not included: this crate only replaces its API")
    }
}

impl std::error::Error for Error {}
