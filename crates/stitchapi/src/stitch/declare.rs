//! Declares stitches of a seam.

use http::Method;

use super::builder::StitchBuilder;
use crate::seam::Seam;

macro_rules! declare_methods {
    ($($name:ident: $method:ident),*) => {
        $(
            #[doc = concat!("Declares a `", stringify!($method), "` endpoint. `path` is a template relative to the base URL, \
                such as `/users/{id}`.")]
            pub fn $name(&self, path: &str) -> StitchBuilder {
                self.request(Method::$method, path)
            }
        )*
    };
}

impl Seam {
    declare_methods! { get: GET, post: POST, put: PUT, patch: PATCH, delete: DELETE, head: HEAD }

    /// Declares an endpoint of any method. `path` is a template relative to the base URL, such as `/users/{id}`.
    pub fn request(&self, method: Method, path: &str) -> StitchBuilder {
        StitchBuilder::new(self.clone(), method, path)
    }
}
