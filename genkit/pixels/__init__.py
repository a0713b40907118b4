"""What several verbs do to pixels: tiles, resampling, masks, holes, blending, edges."""
