/**
 * Tables at fixed addresses. `changetype<Words>(memory.data(bytes))` names a stretch of the module's own memory and costs
 * nothing: reading an element is one load from a constant plus the index. Nothing here is allocated or freed.
 *
 * An index is not checked. Each table says what its indices are, and callers keep to it. One that would not could spoil other
 * tables, but not reach beyond the memory of this module: that is what WebAssembly guarantees.
 */

/** Numbers of 8 bits. */
@unmanaged
@final
export class Bytes {
  @operator("[]")
  @inline
  get(index: u32): u32 {
    return load<u8>(changetype<usize>(this) + <usize>index);
  }

  @operator("[]=")
  @inline
  set(index: u32, value: u32): void {
    store<u8>(changetype<usize>(this) + <usize>index, <u8>value);
  }
}

/** Numbers of 16 bits. */
@unmanaged
@final
export class Halves {
  @operator("[]")
  @inline
  get(index: u32): u32 {
    return load<u16>(changetype<usize>(this) + ((<usize>index) << 1));
  }

  @operator("[]=")
  @inline
  set(index: u32, value: u32): void {
    store<u16>(changetype<usize>(this) + ((<usize>index) << 1), <u16>value);
  }
}

/** Numbers of 32 bits. */
@unmanaged
@final
export class Words {
  @operator("[]")
  @inline
  get(index: u32): u32 {
    return load<u32>(changetype<usize>(this) + ((<usize>index) << 2));
  }

  @operator("[]=")
  @inline
  set(index: u32, value: u32): void {
    store<u32>(changetype<usize>(this) + ((<usize>index) << 2), value);
  }

  @inline
  clear(count: u32): void {
    memory.fill(changetype<usize>(this), 0, (<usize>count) << 2);
  }
}
