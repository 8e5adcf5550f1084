//! The tree: what a reader sees now, and what a loss of power leaves of it.

use super::bytes::{FileNode, PAGE, pages};
use super::chance::Chance;
use crate::io::disk::Entry;
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Component, Path};

/// A file's or directory's number; never used again.
pub(super) type Inode = u64;

const ROOT: Inode = 0;

#[derive(Clone, Default)]
struct DirNode {
    live: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
}

#[derive(Clone)]
enum Node {
    File(FileNode),
    Dir(DirNode),
}

/// One entry of one directory gets another file, or none.
#[derive(Clone)]
struct Step {
    dir: Inode,
    name: String,
    to: Option<Inode>,
}

#[derive(Clone)]
pub(super) struct State {
    nodes: HashMap<Inode, Node>,
    next: Inode,
    /// Changes of names that are not durable, oldest first; the steps of one change hold together.
    unsynced: Vec<Vec<Step>>,
    pub(super) locked: BTreeSet<Inode>,
    pub(super) capacity: u64,
}

impl State {
    pub(super) fn new(capacity: u64) -> Self {
        let nodes = HashMap::from([(ROOT, Node::Dir(DirNode::default()))]);
        State { nodes, next: ROOT + 1, unsynced: Vec::new(), locked: BTreeSet::new(), capacity }
    }

    // ---- Names ----

    /// The components below the root; "." and "/" are the root, ".." is refused.
    fn names(path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => names.push(name.to_str().ok_or(Errno::ILSEQ)?.to_owned()),
                Component::ParentDir | Component::Prefix(_) => return Err(Errno::INVAL.into()),
            }
        }
        Ok(names)
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        let mut at = ROOT;
        for name in Self::names(path)? {
            at = *self.dir(at)?.live.get(&name).ok_or(Errno::NOENT)?;
        }
        Ok(at)
    }

    /// The directory that holds the last name of `path`, and that name.
    fn place(&self, path: &Path) -> io::Result<(Inode, String)> {
        let mut names = Self::names(path)?;
        let last = names.pop().ok_or(Errno::INVAL)?;
        let mut at = ROOT;
        for name in names {
            at = *self.dir(at)?.live.get(&name).ok_or(Errno::NOENT)?;
        }
        self.dir(at)?;
        Ok((at, last))
    }

    fn dir(&self, inode: Inode) -> io::Result<&DirNode> {
        match &self.nodes[&inode] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(Errno::NOTDIR.into()),
        }
    }

    fn file(&self, inode: Inode) -> &FileNode {
        match &self.nodes[&inode] {
            Node::File(file) => file,
            Node::Dir(_) => unreachable!("inode {inode} was opened as a file"),
        }
    }

    fn file_mut(&mut self, inode: Inode) -> &mut FileNode {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => file,
            Some(Node::Dir(_)) | None => unreachable!("inode {inode} was opened as a file"),
        }
    }

    fn is_dir(&self, inode: Inode) -> bool {
        matches!(self.nodes[&inode], Node::Dir(_))
    }

    fn add(&mut self, node: Node) -> Inode {
        let inode = self.next;
        self.next += 1;
        self.nodes.insert(inode, node);
        inode
    }

    /// Changes names as one, visible now and durable later.
    fn change(&mut self, steps: Vec<Step>) {
        for step in &steps {
            let Some(Node::Dir(dir)) = self.nodes.get_mut(&step.dir) else { unreachable!("place() gave a directory") };
            let before = match step.to {
                Some(inode) => dir.live.insert(step.name.clone(), inode),
                None => dir.live.remove(&step.name),
            };
            if let Some(Node::File(file)) = step.to.and_then(|inode| self.nodes.get_mut(&inode)) {
                file.names += 1;
            }
            if let Some(Node::File(file)) = before.and_then(|inode| self.nodes.get_mut(&inode)) {
                file.names -= 1;
            }
        }
        self.unsynced.push(steps);
    }

    pub(super) fn open(&mut self, path: &Path, create: bool) -> io::Result<Inode> {
        let (dir, name) = self.place(path)?;
        let inode = match self.dir(dir)?.live.get(&name) {
            Some(inode) if self.is_dir(*inode) => return Err(Errno::ISDIR.into()),
            Some(inode) => *inode,
            None if create => {
                let inode = self.add(Node::File(FileNode::default()));
                self.change(vec![Step { dir, name, to: Some(inode) }]);
                inode
            }
            None => return Err(Errno::NOENT.into()),
        };
        self.file_mut(inode).open += 1;
        Ok(inode)
    }

    pub(super) fn close(&mut self, inode: Inode) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&inode) {
            file.open = file.open.saturating_sub(1);
        }
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut at = ROOT;
        for name in Self::names(path)? {
            at = match self.dir(at)?.live.get(&name) {
                Some(inode) => *inode,
                None => {
                    let inode = self.add(Node::Dir(DirNode::default()));
                    self.change(vec![Step { dir: at, name, to: Some(inode) }]);
                    inode
                }
            };
        }
        self.dir(at).map(drop)
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let entry = |(name, inode): (&String, &Inode)| match &self.nodes[inode] {
            Node::File(file) => Entry { name: name.clone(), is_dir: false, len: file.live.len() as u64 },
            Node::Dir(_) => Entry { name: name.clone(), is_dir: true, len: 0 },
        };
        Ok(self.dir(self.find(path)?)?.live.iter().map(entry).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (old_dir, old_name) = self.place(from)?;
        let (dir, name) = self.place(to)?;
        let inode = *self.dir(old_dir)?.live.get(&old_name).ok_or(Errno::NOENT)?;
        match self.dir(dir)?.live.get(&name) {
            Some(there) if *there == inode => return Ok(()),
            Some(there) if self.is_dir(*there) && !self.is_dir(inode) => return Err(Errno::ISDIR.into()),
            Some(there) if !self.is_dir(*there) && self.is_dir(inode) => return Err(Errno::NOTDIR.into()),
            Some(there) if self.is_dir(*there) && !self.dir(*there)?.live.is_empty() => {
                return Err(Errno::NOTEMPTY.into());
            }
            Some(_) | None => {}
        }
        let leave = Step { dir: old_dir, name: old_name, to: None };
        self.change(vec![Step { dir, name, to: Some(inode) }, leave]);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        let inode = *self.dir(dir)?.live.get(&name).ok_or(Errno::NOENT)?;
        if self.is_dir(inode) {
            return Err(Errno::ISDIR.into());
        }
        self.change(vec![Step { dir, name, to: None }]);
        Ok(())
    }

    /// Empties the directory name by name before it goes, so that a crash may leave any part of it.
    pub(super) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        let inode = *self.dir(dir)?.live.get(&name).ok_or(Errno::NOENT)?;
        let below: Vec<(String, Inode)> = self.dir(inode)?.live.clone().into_iter().collect();
        for (child, child_inode) in below {
            if self.is_dir(child_inode) {
                self.remove_dir_all(&path.join(child))?;
            } else {
                self.change(vec![Step { dir: inode, name: child, to: None }]);
            }
        }
        self.change(vec![Step { dir, name, to: None }]);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let synced = self.find(path)?;
        self.dir(synced)?;
        let mut durable = Vec::new();
        for steps in &mut self.unsynced {
            durable.extend(steps.extract_if(.., |step| step.dir == synced));
        }
        self.unsynced.retain(|steps| !steps.is_empty());
        durable.into_iter().for_each(|step| self.make_durable(step));
        Ok(())
    }

    fn make_durable(&mut self, step: Step) {
        let Some(Node::Dir(dir)) = self.nodes.get_mut(&step.dir) else { return };
        match step.to {
            Some(inode) => drop(dir.durable.insert(step.name, inode)),
            None => drop(dir.durable.remove(&step.name)),
        }
    }

    // ---- Bytes ----

    pub(super) fn len(&self, inode: Inode) -> u64 {
        self.file(inode).live.len() as u64
    }

    pub(super) fn read(&self, inode: Inode, buf: &mut [u8], position: u64) -> usize {
        let live = &self.file(inode).live;
        let from = usize::try_from(position).unwrap_or(usize::MAX).min(live.len());
        let read = buf.len().min(live.len() - from);
        buf[..read].copy_from_slice(&live[from..from + read]);
        read
    }

    fn used(&self) -> u64 {
        let size = |node: &Node| match node {
            Node::File(file) if file.names > 0 || file.open > 0 => pages(file.live.len()) * PAGE as u64,
            Node::File(_) | Node::Dir(_) => 0,
        };
        self.nodes.values().map(size).sum()
    }

    pub(super) fn free(&self) -> u64 {
        // Nobody waits for the sum of a disk without bounds.
        if self.capacity == u64::MAX { u64::MAX } else { self.capacity.saturating_sub(self.used()) }
    }

    pub(super) fn write(&mut self, inode: Inode, bytes: &[u8], position: u64) -> io::Result<()> {
        let position = usize::try_from(position).map_err(|_| Errno::FBIG)?;
        let end = position.checked_add(bytes.len()).ok_or(Errno::FBIG)?;
        let more = pages(end).saturating_sub(pages(self.file(inode).live.len())) * PAGE as u64;
        if more > 0 && more > self.free() {
            // What fits is written, as a file system does.
            let room = self.file(inode).live.len().div_ceil(PAGE) * PAGE + self.free() as usize;
            let fits = room.saturating_sub(position).min(bytes.len());
            self.file_mut(inode).put(&bytes[..fits], position);
            return Err(Errno::NOSPC.into());
        }
        self.file_mut(inode).put(bytes, position);
        Ok(())
    }

    pub(super) fn set_len(&mut self, inode: Inode, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| Errno::FBIG)?;
        let more = pages(len).saturating_sub(pages(self.file(inode).live.len())) * PAGE as u64;
        if more > 0 && more > self.free() {
            return Err(Errno::NOSPC.into());
        }
        self.file_mut(inode).cut(len);
        Ok(())
    }

    pub(super) fn corrupt(&mut self, path: &Path, position: u64, mask: u8) -> io::Result<()> {
        let inode = self.find(path)?;
        if self.is_dir(inode) {
            return Err(Errno::ISDIR.into());
        }
        let at = usize::try_from(position).map_err(|_| Errno::INVAL)?;
        let file = self.file_mut(inode);
        *file.live.get_mut(at).ok_or(Errno::INVAL)? ^= mask;
        if let Some(byte) = file.durable.get_mut(at) {
            *byte ^= mask;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: Inode) {
        self.file_mut(inode).sync();
    }

    pub(super) fn sync_badly(&mut self, inode: Inode, chance: &mut Chance) {
        self.file_mut(inode).sync_badly(chance);
    }

    pub(super) fn forget_cached(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path)?;
        if let Some(Node::File(file)) = self.nodes.get_mut(&inode) {
            file.forget_clean();
        }
        Ok(())
    }

    pub(super) fn sync_all(&mut self) {
        for steps in std::mem::take(&mut self.unsynced) {
            steps.into_iter().for_each(|step| self.make_durable(step));
        }
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.sync();
            }
        }
        self.forget_unreachable();
    }

    pub(super) fn sync_all_badly(&mut self, chance: &mut Chance) {
        for inode in self.sorted_inodes() {
            if let Some(Node::File(file)) = self.nodes.get_mut(&inode) {
                file.sync_badly(chance);
            }
        }
    }

    /// Hash maps have no order of their own that a seed could repeat.
    fn sorted_inodes(&self) -> Vec<Inode> {
        let mut inodes: Vec<Inode> = self.nodes.keys().copied().collect();
        inodes.sort_unstable();
        inodes
    }

    /// Drops the files that no name and no handle leads to, so that long tests do not keep all that they ever wrote.
    /// Only right when no change of names is unsynced.
    fn forget_unreachable(&mut self) {
        self.nodes.retain(|_, node| match node {
            Node::File(file) => file.names > 0 || file.open > 0,
            Node::Dir(_) => true,
        });
    }

    // ---- Ends ----

    pub(super) fn after_kill(&self) -> State {
        let mut left = self.clone();
        left.locked.clear();
        for node in left.nodes.values_mut() {
            if let Node::File(file) = node {
                file.open = 0;
            }
        }
        left
    }

    pub(super) fn after_power_loss(&self, chance: &mut Chance) -> State {
        let mut medium = self.clone();
        for steps in std::mem::take(&mut medium.unsynced) {
            if chance.one_in(2) {
                steps.into_iter().for_each(|step| medium.make_durable(step));
            }
        }
        let mut left = State::new(self.capacity);
        left.next = self.next;
        medium.rebuild(ROOT, &mut left, chance);
        left
    }

    /// Copies what is durable below a directory; what no durable name leads to is gone.
    fn rebuild(&self, inode: Inode, left: &mut State, chance: &mut Chance) {
        let Node::Dir(dir) = &self.nodes[&inode] else { unreachable!("only directories are rebuilt") };
        for child in dir.durable.values() {
            match &self.nodes[child] {
                Node::Dir(_) => self.rebuild(*child, left, chance),
                Node::File(file) => {
                    let entry = left.nodes.entry(*child).or_insert_with(|| {
                        let bytes = file.after_power_loss(chance);
                        Node::File(FileNode { live: bytes.clone(), durable: bytes, ..FileNode::default() })
                    });
                    if let Node::File(file) = entry {
                        file.names += 1;
                    }
                }
            }
        }
        let entries = dir.durable.clone();
        left.nodes.insert(inode, Node::Dir(DirNode { live: entries.clone(), durable: entries }));
    }
}
