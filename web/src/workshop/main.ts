import { mount } from 'svelte'
import '../app.css'
import Workshop from './Workshop.svelte'

mount(Workshop, { target: document.getElementById('app')! })
