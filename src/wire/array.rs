//! Arrays that stay in their frame.
//!
//! A decoded array is a slice of the frame and a count, not a vector: 250,000 elements of two bytes cost nothing more
//! than the frame they came in, and a long poll over 10,000 partitions holds 10,000 x 33 bytes. The elements were all
//! read and checked once when the request was decoded, by the same code that reads them again here.

use super::field::{Field, Nullable};
use super::reader::{At, Read, Reader};
use bytes::Bytes;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A checked array of `T`.
#[derive(Clone)]
pub struct Array<T> {
    content: Content<T>,
}

#[derive(Clone)]
enum Content<T> {
    /// Elements as they came. `fn() -> T`: the array owns no `T`.
    Wire { bytes: Bytes, count: u32, at: At, element: PhantomData<fn() -> T> },
    /// Elements made here.
    Made(Arc<[T]>),
}

impl<T> Array<T> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.content {
            Content::Wire { count, .. } => *count as usize,
            Content::Made(elements) => elements.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Field + Clone> Array<T> {
    /// Walks the elements; each is read from the frame as it is reached.
    pub fn iter(&self) -> Iter<'_, T> {
        match &self.content {
            Content::Wire { bytes, count, at, .. } => {
                Iter(Walk::Wire { reader: Reader::again(bytes.clone(), *at), left: *count })
            }
            Content::Made(elements) => Iter(Walk::Made(elements.iter())),
        }
    }

    /// Copies the elements out. Costs their decoded size: for arrays whose size is known to be reasonable.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }
}

impl<T: Field> Nullable for Array<T> {
    fn read_nullable(reader: &mut Reader, cap: u32) -> Read<Option<Self>> {
        let at = reader.at();
        let Some(count) = reader.count(T::least(at), cap)? else { return Ok(None) };
        let start = reader.position();
        for _ in 0..count {
            T::read(reader, 0)?;
        }
        let content = Content::Wire { bytes: reader.since(start), count, at, element: PhantomData };
        Ok(Some(Array { content }))
    }

    fn least_nullable(at: At) -> usize {
        if at.flexible { 1 } else { 4 }
    }
}

impl<T> Default for Array<T> {
    fn default() -> Self {
        // Not `Made`: that would allocate, and decoding starts every array with its default.
        let at = At { version: 0, flexible: false };
        Array { content: Content::Wire { bytes: Bytes::new(), count: 0, at, element: PhantomData } }
    }
}

impl<T> From<Vec<T>> for Array<T> {
    fn from(elements: Vec<T>) -> Self {
        Array { content: Content::Made(elements.into()) }
    }
}

impl<T> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Array { content: Content::Made(elements.into_iter().collect()) }
    }
}

impl<T: Field + Clone + PartialEq> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Field + Clone + fmt::Debug> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Field + Clone> IntoIterator for &'a Array<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// A walk over an [`Array`].
pub struct Iter<'a, T>(Walk<'a, T>);

enum Walk<'a, T> {
    Wire { reader: Reader, left: u32 },
    Made(std::slice::Iter<'a, T>),
}

impl<T: Field + Clone> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Walk::Wire { reader, left } => {
                *left = left.checked_sub(1)?;
                Some(T::read(reader, 0).expect("the element was read when the request was decoded"))
            }
            Walk::Made(elements) => elements.next().cloned(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Walk::Wire { left, .. } => *left as usize,
            Walk::Made(elements) => elements.len(),
        };
        (left, Some(left))
    }
}

impl<T: Field + Clone> ExactSizeIterator for Iter<'_, T> {}

#[cfg(test)]
#[path = "array_tests.rs"]
mod tests;
