"""An open style and the pictures that it paints: working size, memory, tiles, steadiness."""
