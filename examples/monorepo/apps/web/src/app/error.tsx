'use client';

export default function Failure() {
  return <h1>The library is closed</h1>;
}
