//! The report: one page of its own, with both halves as pictures. Pure functions from what happened to text.

mod area;
mod axis;
mod curve;
mod document;
mod lanes;
mod text;
mod timeline;
mod words;

pub(super) use document::{Sheet, page};

#[cfg(test)]
mod scene;
